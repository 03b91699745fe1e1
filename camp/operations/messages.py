"""Messages of manage.py before Django is installed, in English and in Japanese.

Standard library only, and no syntax newer than Python 3.6, so that an old interpreter
gets as far as printing that it is too old.
"""

import os
import sys

JAPANESE_ON_WINDOWS = 0x11  # primary language identifier, the low ten bits

TEXTS = {
    "too_old": (
        "Camp needs Python 3.11 or newer, and this is {version}: install a newer one "
        "from https://www.python.org/downloads/ and run Camp with that one.",
        "Camp には Python 3.11 以降が必要ですが、これは {version} です。"
        "https://www.python.org/downloads/ から新しい Python を入れて、それで実行してください。",
    ),
    "use_newer": (
        "Camp needs Python 3.11 or newer, and this is {version}. Run it with: {again}",
        "Camp には Python 3.11 以降が必要ですが、これは {version} です。"
        "次のように実行してください: {again}",
    ),
    "making": (
        "Making .venv, Camp's own Python environment (only once) ...",
        "Camp 専用の Python 環境 .venv を作成しています (最初の一度だけ) ...",
    ),
    "remaking": (
        "The .venv is broken or incomplete: making it again ...",
        ".venv が壊れているか作りかけのため、作り直しています ...",
    ),
    "installing": (
        "Installing {file} into .venv ...",
        "{file} を .venv にインストールしています ...",
    ),
    "waiting": (
        "Another command is preparing .venv: waiting for it ...",
        "別のコマンドが .venv を準備中です。終わるのを待っています ...",
    ),
    "no_ensurepip": (
        "This Python cannot make environments, because its ensurepip module is missing. Fix: {fix}",
        "この Python には ensurepip がなく、環境を作成できません。次で解決します: {fix}",
    ),
    "fix_python": (
        "install Python again from https://www.python.org/downloads/",
        "https://www.python.org/downloads/ から Python を入れ直す",
    ),
    "venv_failed": (
        "The .venv could not be made ({why}). Run it again: {again}",
        ".venv を作成できませんでした ({why})。もう一度実行してください: {again}",
    ),
    "not_a_venv": (
        "{path} is in the way: it is not a Python environment. Move it with: {fix}",
        "{path} は Python 環境ではないため使えません。次で移動してください: {fix}",
    ),
    "unwritable": (
        "Camp cannot write to {path} ({why}). Fix: {fix}",
        "Camp は {path} に書き込めません ({why})。次で解決します: {fix}",
    ),
    "fix_folder": (
        "move the project to a folder of your own",
        "自分のフォルダーにプロジェクトを移す",
    ),
    "install_failed": (
        "{file} could not be installed; see pip's output above. "
        "Check the network connection, then run it again: {again}",
        "{file} をインストールできませんでした。理由は上の pip の表示のとおりです。"
        "ネットワーク接続を確かめて、もう一度実行してください: {again}",
    ),
    "not_entered": (
        "{path} does not start as an environment of its own. "
        "Unset PYTHONHOME, then run it again: {again}",
        "{path} が独立した環境として起動しません。環境変数 PYTHONHOME を消して、"
        "もう一度実行してください: {again}",
    ),
    "no_file": (
        "{path} is missing: this copy of Camp is incomplete. Fix: git checkout -- {file}",
        "{path} がありません。Camp のファイルが足りません。次で解決します: git checkout -- {file}",
    ),
    "bad_configuration": (
        "Camp's configuration is invalid: {why} "
        "Correct it in .env.local, in .env or in the environment.",
        "Camp の設定に誤りがあります: {why} .env.local、.env または環境変数を直してください。",
    ),
    "missing_package": (
        "This Python has Django, but not the package {package}. Fix: {fix}",
        "この Python には Django がありますが、{package} がありません。次で解決します: {fix}",
    ),
    "stopped": (
        "Stopped.",
        "中止しました。",
    ),
}


def preferred_language(fixed: str = "") -> str:
    """Return "ja" or "en": `fixed`, else the user's language, if the terminal can show it."""
    japanese = fixed == "ja" if fixed else prefers_japanese()
    return "ja" if japanese and shows_japanese() else "en"


def prefers_japanese() -> bool:
    """Return whether the system's language is Japanese."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return value.lower().startswith("ja")
    if sys.platform == "win32":
        import ctypes

        found = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        return found & 0x3FF == JAPANESE_ON_WINDOWS
    return False


def shows_japanese() -> bool:
    """Return whether the output streams can encode Japanese."""
    try:
        for stream in (sys.stdout, sys.stderr):
            "キャンプ".encode(stream.encoding or "ascii")
    except (AttributeError, LookupError, UnicodeEncodeError):
        return False
    return True


def get_text(name: str, **values: object) -> str:
    """Return the message called `name` in the user's language."""
    english, japanese = TEXTS[name]
    return (japanese if preferred_language() == "ja" else english).format(**values)
