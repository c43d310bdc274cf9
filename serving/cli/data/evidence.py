"""`regrade evidence`: the signed evidence of inspections, for those who must be able to check it by themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from regrade.serving.base.settings import Settings
    from regrade.serving.evidence import PublicKey
    from regrade.serving.evidence.bundle import Checked, Photo
    from regrade.serving.evidence.steps import Step

DataDir = Annotated[Path | None, typer.Option(help="The service's data directory.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    evidence = typer.Typer(name="evidence", help="Export and check signed evidence.", no_args_is_help=True)
    evidence.command()(export)
    evidence.command()(verify)
    evidence.command()(key)
    evidence.command()(rotate)
    app.add_typer(evidence)


def export(
    inspection: Annotated[str, typer.Argument(help="The id of the inspection.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; the screen by default.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write the evidence of an inspection to a file, as it was signed. A server may be running.

    Exits with 1, having written what there is, where something is not as it was signed.
    """
    import json

    from regrade.models.files import write_atomically
    from regrade.serving.evidence import Signer
    from regrade.serving.evidence.read import read_evidence
    from regrade.serving.installation.data_dir import open_database

    settings = _installation(data_dir)
    database = open_database(settings)
    try:
        found = read_evidence(database, Signer.load(settings.data_dir / "keys"), inspection)
    finally:
        database.close()
    text = json.dumps(found.bundle, ensure_ascii=False, indent=1)
    if out is None:
        typer.echo(text)
    else:
        write_atomically(out, f"{text}\n".encode())
    for finding in found.findings:
        typer.echo(f"tampered: {finding}", err=True)
    if found.findings:
        raise typer.Exit(1)


def verify(
    file: Annotated[Path, typer.Argument(help="Evidence: what `regrade evidence export` or the API gave.")],
    key: Annotated[
        list[str],
        typer.Option(help="The public key, as `regrade evidence key` prints it, or a file with it. May be repeated."),
    ],
    photos: Annotated[Path | None, typer.Option(help="A folder with the photos, to check them, too.")] = None,
) -> None:
    """Check evidence with the public key alone: neither database nor server nor network is needed.

    Exits with 0 where it is as it was signed, with 1 where it is not, and with 2 where the file or key cannot be read.
    """
    from regrade.serving.evidence import KeyRing
    from regrade.serving.evidence.bundle import check_bundle, check_photos, read_bundle

    keys = KeyRing(one for given in key for one in _keys(given))
    checked = check_bundle(read_bundle(_bytes(file)), keys)
    findings = list(checked.findings)
    if photos is not None:
        findings += check_photos(checked.photos, _hashes(photos, checked.photos))
    if findings:
        typer.echo(f"NOT SOUND: {file} is not as it was signed, or not by the given key.")
        for finding in findings:
            typer.echo(f"  {finding}")
        raise typer.Exit(1)
    _tell(checked, with_photos=photos is not None)


def key(
    form: Annotated[str, typer.Option("--format", help="pem, jwk, base64, or jwks with the former keys.")] = "pem",
    data_dir: DataDir = None,
) -> None:
    """Print the public key that evidence is checked with. Hand it to those who will check, before they need it."""
    import json

    from regrade.models.errors import RegradeError
    from regrade.serving.evidence import Signer

    signer = Signer.load(_installation(data_dir).data_dir / "keys")
    current = signer.public_key
    forms = {
        "pem": current.pem.strip(),
        "jwk": json.dumps(current.jwk),
        "base64": current.base64,
        "jwks": json.dumps({"keys": [one.jwk for one in signer.known.values()]}),
    }
    if form not in forms:
        raise RegradeError(f"Unknown format {form!r}. Legal values: {', '.join(forms)}.")
    typer.echo(forms[form])


def rotate(data_dir: DataDir = None) -> None:
    """Sign with a new key from now on, such as when the old one may be known to others. The server must be off.

    The old public key is kept, and what it has signed stays valid; what it signs from now on does not.
    """
    from regrade.serving.evidence import Signer
    from regrade.serving.evidence.log import retire_key
    from regrade.serving.installation.data_dir import DataDirLock, open_database

    settings = _installation(data_dir)
    lock = DataDirLock(settings.data_dir)
    database = open_database(settings)
    try:
        old = Signer.load(settings.data_dir / "keys")
        new = retire_key(database, old, settings.data_dir / "keys")
    finally:
        database.close()
        lock.release()
    typer.echo(f"Evidence is signed with {new.key_id} from now on; {old.key_id} was used before.")


def _installation(data_dir: Path | None) -> "Settings":
    from regrade.serving.base.errors import DataDirError
    from regrade.serving.base.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    if settings.database_url is None and not (settings.data_dir / "regrade.db").is_file():
        raise DataDirError(f"There is no installation in {settings.data_dir}. Name its directory with --data-dir.")
    return settings


def _keys(given: str) -> "list[PublicKey]":
    """The keys in a file, or in the text itself."""
    from regrade.serving.evidence.keys import KeyFormatError, read_keys

    try:
        return read_keys(Path(given).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        pass
    try:
        return read_keys(given)
    except KeyFormatError as error:
        raise KeyFormatError(f"{given[:100]} is no file that can be read. {error}") from error


def _bytes(file: Path) -> bytes:
    from regrade.models.errors import RegradeError

    try:
        return file.read_bytes()
    except OSError as error:
        raise RegradeError(f"{file} cannot be read: {error.strerror}.") from error


def _hashes(folder: Path, photos: "Iterable[Photo]") -> set[str]:
    """The SHA-256 of the files below `folder` that are as long as one of `photos`."""
    import hashlib

    from regrade.models.errors import RegradeError

    if not folder.is_dir():
        raise RegradeError(f"There is no folder {folder}.")
    sizes = {photo.size for photo in photos}
    files = (path for path in folder.rglob("*") if path.is_file() and path.stat().st_size in sizes)
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _tell(checked: "Checked", *, with_photos: bool) -> None:
    from regrade.serving.evidence.bundle import FIRST_FORMAT

    payload, keys = checked.payload, ", ".join(checked.key_ids)
    rma = payload.get("item", {}).get("rma", "(erased)")
    typer.echo(f"SOUND: inspection {payload['inspection']}, RMA {rma}, is as it was signed by the key {keys}.")
    for step in checked.steps:
        typer.echo(f"  {step.at[:19]}Z  {_said(step)}")
    if checked.withheld:
        typer.echo(f"  In part: {checked.withheld} personal fields are withheld; the site has the whole of it.")
    if checked.format == FIRST_FORMAT:
        typer.echo("  It was signed when it was read, by a release before steps were signed when they happened.")
    typer.echo(f"  {len(checked.photos)} photos, {'all there' if with_photos else 'not compared: --photos does that'}")


def _said(step: "Step") -> str:
    body = step.body
    if step.kind == "recorded_before":
        return f"recorded as {body['status']}: found when steps began to be signed, no witness of how it was graded"
    if step.kind == "graded":
        grade, decision = body["model_output"]["grade"], body["decision"]
        if grade is None or decision is None:
            return "graded: photos have to be taken again"
        return f"graded {grade['condition']} ({grade['confidence']:.1%}), {_action(decision['disposition'])}"
    if step.kind == "reviewed":
        review = body["review"]
        by = review["by"].get("name", f"key {review['by']['key_id']}")
        return f"reviewed by {by}: {review['condition']}, {_action(review['disposition'])}"
    return step.kind


def _action(disposition: "Mapping[str, Any]") -> str:
    return f"{disposition['action']} by {disposition['policy']}"
