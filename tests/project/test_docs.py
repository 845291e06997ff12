"""The documentation: its examples run, its commands, links and names exist, and every public name is on a page."""

import importlib.util
import inspect
import re
import tomllib
import warnings
from importlib import import_module
from pathlib import Path

import click
import pytest

import hpmask
from hpmask import EnergyAxis, Mask, RangeSet
from hpmask.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
TEXT = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}
# Pages that draw pictures take long. The build of the pages runs them, too.
WITH_EXAMPLES = [
    pytest.param(name, marks=pytest.mark.deep if re.search(r"^!\[[^]]*\]\(", text, re.M) else ())
    for name, text in TEXT.items()
    if "```{doctest}" in text
]


def script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_page():
    pytest.importorskip("matplotlib")
    return script("run_page").run


def blocks(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT[name], flags=re.M | re.S)


def resolved(name):
    """What a dotted name below hpmask stands for; modules are imported on the way."""
    value = hpmask
    path = "hpmask"
    for part in name.split("."):
        path += f".{part}"
        if inspect.ismodule(value) and not hasattr(value, part):
            import_module(path)
        value = getattr(value, part)
    return value


# ---------------------------------------------------------------------- examples and commands


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(run_page, name, tmp_path):
    if "gammapy" in "".join(blocks(name, r"\{doctest\}")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip("gammapy.maps", exc_type=ImportError)
    from matplotlib.image import imread

    pictures = run_page(DOCS / f"{name}.md", tmp_path)
    assert len(pictures) == len(re.findall(r"^!\[", TEXT[name], flags=re.M))
    for picture in pictures:
        # More than an empty page.
        assert imread(picture).std() > 0.05, picture


def test_wrong_output_is_found(run_page, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```{doctest}\n>>> 1 + 1\n3\n```\n")
    with pytest.raises(AssertionError, match=r"Expected:\n *3"):
        run_page(page)
    page.write_text("![nothing](nothing.png)\n")
    with pytest.raises(AssertionError, match="line 1: nothing is drawn"):
        run_page(page)


@pytest.mark.deep
def test_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    script("make_pictures").main(tmp_path)
    shown = set(re.findall(r"\{(?:image|figure)\} pictures/(\w+\.png)", "".join(TEXT.values())))
    assert shown == {file.name for file in tmp_path.iterdir()}


@pytest.mark.parametrize("name", TEXT)
def test_python_blocks_compile(name):
    for code in blocks(name, "python"):
        compile(code, f"{name}.md", "exec")


@pytest.mark.parametrize("name", TEXT)
def test_code_fits_the_column(name):
    """Of a screen of 1280 pixels, see hpmask.css. What programs print is wrapped."""
    code = [block for kind in ("python", "bash", "toml") for block in blocks(name, kind)]
    examples = [*blocks(name, r"\{doctest\}"), *blocks(name, "console")]
    code += ["\n".join(re.findall(r"^(?:>>>|\.\.\.|\$|    ) .*$", block, flags=re.M)) for block in examples]
    assert [line for block in code for line in block.splitlines() if len(line) > 96] == []


@pytest.mark.parametrize("name", TEXT)
def test_commands_exist(name):
    for block in [*blocks(name, "console"), *blocks(name, "bash")]:
        one_by_one = re.sub(r" (?:&&|\|\|?) ", "\n", block.replace("\\\n", " "))
        for line in re.findall(r"(?:^\$ |^)(?:\S*/)?hpmask (.+)$", one_by_one, flags=re.M):
            words = re.split(r" [#<>] ", line)[0].split()
            if words[0].startswith("-"):
                continue
            command = main.get_command(click.Context(main), words[0])
            known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
            assert {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)} <= known, line


# ---------------------------------------------------------------------- links and names


@pytest.mark.parametrize("name", TEXT)
def test_links_resolve(name):
    for target in re.findall(r"\]\((?!https?://|pictures/)([^)#\s]+)(?:#[^)]*)?\)", TEXT[name]):
        assert (DOCS / target).exists(), target


def tree(name):
    """The pages that a page has below it."""
    return [line for block in blocks(name, r"\{toctree\}") for line in re.findall(r"^\w\S*$", block, flags=re.M)]


def test_every_page_is_in_one_section():
    below = [child for name in TEXT for child in tree(name)]
    pages = {name for name in below if "/" not in name}
    assert sorted(below) == sorted(set(below))
    assert pages == set(TEXT) - {"index"}


@pytest.mark.parametrize("name", [name for name in TEXT if ":link-type: doc" in TEXT[name]])
def test_cards_are_the_pages_of_the_section(name):
    assert re.findall(r"^:link: (\S+)$", TEXT[name], flags=re.M) == tree(name)


def entries():
    return re.findall(r"^   (?!_static)([\w.]+)$", TEXT["api"], flags=re.M)


def test_public_names_are_on_the_reference_page():
    listed = entries()
    assert len(listed) == len(set(listed))
    methods = {f"Mask.{name}" for name, _ in inspect.getmembers(Mask) if not name.startswith("_")}
    assert methods == {entry for entry in listed if entry.startswith("Mask.")}
    public = set(hpmask.__all__) - {"__version__"}
    for module in ("geometry", "io", "plotting", "recipe", "testing", "wcs", "interop.gammapy"):
        public |= {f"{module}.{name}" for name in getattr(import_module(f"hpmask.{module}"), "__all__", ())}
    assert public - {"io.formats"} <= set(listed)


@pytest.mark.parametrize("entry", entries())
def test_names_on_the_reference_page_exist(entry):
    assert inspect.getdoc(resolved(entry))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}.md" for name in TEXT)])
def test_names_in_the_text_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for cls in (Mask, EnergyAxis, RangeSet):
        for attribute in re.findall(rf"\b{cls.__name__}\.(\w+)", text):
            assert hasattr(cls, attribute), f"{cls.__name__}.{attribute}"
    # Dotted names, but not files and addresses.
    for dotted in re.findall(r"(?<![\w./-])hpmask((?:\.[A-Za-z_]\w*)+)(?![\w/-])", text):
        if dotted.rpartition(".")[2] not in ("md", "toml", "fits", "txt", "json", "git"):
            resolved(dotted.removeprefix("."))


def test_files_in_the_text_exist():
    """The pages on the design and CONTRIBUTING name files of the package by their path."""
    pages = [ROOT / "CONTRIBUTING.md", *(DOCS / f"{name}.md" for name in ("design", "model", "house", "algorithms"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"`((?:\w+/)*\w+\.(?:py|pyx|pxd|build|sh|md))`", text):
            places = (ROOT, ROOT / "hpmask", ROOT / "hpmask" / "_kernels")
            assert "NAME" in path or any((place / path).exists() for place in places), path


def test_extras_are_on_the_page_on_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = re.findall(r"^\| `(\w+)`", TEXT["install"], flags=re.M)
    assert sorted(listed) == sorted(project["optional-dependencies"])
    dependencies = {re.match(r"[\w-]+", one)[0] for one in project["dependencies"]}
    extras = {re.match(r"[\w-]+", one)[0] for name in listed[:4] for one in project["optional-dependencies"][name]}
    for package in dependencies | extras - {"hpmask"}:
        assert re.search(rf"^\|[^|]*\b{package}\b", TEXT["house"], flags=re.M), package


# ---------------------------------------------------------------------- numbers


def test_benchmarks_in_the_readme_are_from_the_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    times = re.findall(r"[\d.]+ m?s(?: \([\d.]+\))?(?= \|)", readme)
    assert len(times) > 10
    table = re.findall(r"[\d.]+ m?s(?: \([\d.]+\))?(?= \|)", TEXT["benchmarks"])
    assert set(times) <= set(table)


# ---------------------------------------------------------------------- the house


def test_every_package_is_described():
    house = ROOT / "hpmask"
    packages = {file.parent.name for file in house.glob("*/__init__.py")}
    packages |= {file.stem for file in house.glob("[!_]*.py")}
    described = re.findall(r"^\| `(\w+)`", TEXT["house"], flags=re.M)
    assert sorted(described) == sorted(packages)


@pytest.mark.deep
def test_the_picture_of_the_house(tmp_path):
    pytest.importorskip("matplotlib")
    make_house = script("make_house")
    picture = tmp_path / "house.svg"
    make_house.main(picture)
    drawn = picture.read_text(encoding="utf-8")
    for package in make_house.arrows():
        assert f">{package}<" in drawn
