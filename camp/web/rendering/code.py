"""Code as HTML with colours: the classes are in pages.css.

Pygments reads what anybody wrote by regular expressions, many of which need quadratic time. So only
well-known languages are coloured, up to a length and a time; bench/code_colours.py has figures.
"""

import time
from html import escape
from itertools import groupby

from pygments.lexers import get_lexer_by_name
from pygments.token import Token

MAX_LENGTH = 10_000  # characters
MAX_SECONDS = 0.2  # of a processor; what people write takes a tenth

# The name of a lexer: what else people write behind ```, and suffixes of files.
LEXERS = {
    "bash": "sh shell zsh",
    "c": "h",
    "cpp": "c++ cc cxx hpp",
    "csharp": "cs c#",
    "css": "",
    "diff": "patch",
    "docker": "dockerfile",
    "go": "golang",
    "html": "htm vue",
    "java": "",
    "javascript": "js mjs cjs jsx",
    "json": "webmanifest",
    "kotlin": "kt",
    "lua": "",
    "make": "makefile mk",
    "php": "",
    "powershell": "ps1 pwsh",
    "python": "python3 py pyi",
    "r": "",
    "ruby": "rb",
    "rust": "rs",
    "scss": "",
    "sql": "",
    "swift": "",
    "toml": "",
    "typescript": "ts tsx",
    "xml": "svg plist",
    "yaml": "yml",
}
LANGUAGES = {name: lexer for lexer, more in LEXERS.items() for name in (lexer, *more.split())}
# By the type of a token, or one that it is of.
CLASSES = {
    Token: "",
    Token.Comment: "code-comment",
    Token.Comment.Preproc: "code-name",
    Token.Keyword: "code-keyword",
    Token.Operator.Word: "code-keyword",
    Token.Literal.String: "code-string",
    Token.Literal.Number: "code-number",
    Token.Keyword.Constant: "code-number",
    Token.Name.Attribute: "code-name",
    Token.Name.Class: "code-name",
    Token.Name.Decorator: "code-name",
    Token.Name.Function: "code-name",
    Token.Name.Tag: "code-keyword",
    Token.Generic.Deleted: "code-deleted",
    Token.Generic.Inserted: "code-string",
    Token.Generic.Heading: "code-name",
    Token.Generic.Subheading: "code-name",
}


def colour_code(code, language):
    """Return `code` as HTML with a span around each piece that has a colour.

    None if the language is none of LANGUAGES, or the code is longer than MAX_LENGTH or takes
    longer than MAX_SECONDS.
    """
    lexer = LANGUAGES.get(language.lower())
    if lexer is None or len(code) > MAX_LENGTH:
        return None
    # A lexer may keep a state, and threads share nothing.
    tokens = get_lexer_by_name(lexer).get_tokens_unprocessed(code)
    pieces, end = [], time.thread_time() + MAX_SECONDS
    for name, group in groupby(tokens, key=lambda token: class_of(token[1])):
        values = []
        for _index, _type, value in group:
            values.append(value)
            if time.thread_time() > end:
                return None
        text = escape("".join(values))
        pieces.append(f'<span class="{name}">{text}</span>' if name else text)
    return "".join(pieces)


def language_of(filename):
    """Return the language of a file by its suffix, or its name (Makefile); "" if it has none."""
    name = filename.rpartition(".")[2].lower()
    return name if name in LANGUAGES else ""


def class_of(token_type):
    """Return the CSS class of a token type, "" without a colour."""
    while token_type not in CLASSES:
        token_type = token_type.parent
    return CLASSES[token_type]
