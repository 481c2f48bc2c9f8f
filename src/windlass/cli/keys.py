"""`windlass keys …`: the key that secrets in the store are sealed with."""

import typer

from windlass.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir

app = typer.Typer(
    help="Look after the key that secrets in the store are sealed with.",
    short_help="The key that secrets in the store are sealed with.",
    no_args_is_help=True,
)


@app.callback()
def keys() -> None:
    """There may be more commands than one."""


@app.command("rotate", short_help="Seal every secret with a new key.")
def rotate(data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Seal every secret in the store with a new key, while the platform goes on."""
    from windlass.cli.output import print_json
    from windlass.cli.target import client_of
    from windlass.cli.wording import count_of

    with client_of(data_dir) as client:
        rotated = client.rotate_sealing_key()
    if as_json:
        print_json(rotated)
        return
    print(f"key {rotated['keyId']} seals now; {count_of(rotated['secrets'], 'secret')} sealed anew")
