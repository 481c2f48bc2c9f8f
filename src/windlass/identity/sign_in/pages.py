"""The few pages that somebody sees who signs in a device: plain HTML, without any script."""

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
_FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Windlass</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 24rem; margin: 10vh auto; padding: 1rem }}
label, input, button, a {{ display: block; width: 100%; box-sizing: border-box }}
input, button {{ font: inherit; padding: .5rem; margin: 0 0 1rem }}
p.wrong {{ color: #b00020 }}
</style>
<h1>Windlass</h1>
{content}
</html>
"""


def device_page(user_code: str, providers: Sequence[str], wrong: str = "") -> str:
    """Asks for the code that a device shows, and who somebody is."""
    ways = "".join(
        f'<a href="/device/provider?{escape(urlencode(_way(user_code, alias)))}">'
        f"Sign in with {escape(alias)}</a>"
        for alias in providers
        if user_code
    )
    told = f'<p class="wrong">{escape(wrong)}</p>' if wrong else ""
    return f"""<p>A program asks to act as you. Go on only if you have started it yourself, and it
shows this code.</p>{told}
<form method="post" action="/device">
<label>Code <input name="user_code" value="{escape(user_code)}" required></label>
<label>User <input name="username" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password"
 required></label>
<button>Sign in</button>
</form>{ways}"""


def sentence_page(sentence: str) -> str:
    """Says one thing."""
    return f"<p>{escape(sentence)}</p>"


def answer_page(content: str, status: int = 200) -> HTMLResponse:
    """A page as it is sent."""
    return HTMLResponse(_FRAME.format(content=content), status, _HEADERS)


def _way(user_code: str, alias: str) -> dict[str, str]:
    return {"user_code": user_code, "provider": alias}
