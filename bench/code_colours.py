"""How long the worst input of MAX_LENGTH takes each lexer of camp/web/rendering/code.py.

python bench/code_colours.py [language …]
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from camp.web.rendering.code import LANGUAGES, MAX_LENGTH, colour_code

STARTS = ("", "x = ")
REPEATED = [
    *"a({[<\"'`\\/*$=#@-_0. \n\t~!?^|&é+",
    *("/*", "//", "\"\"\"", "'''", "${", "$(", "<!--", "<a ", "</"),
    *("--", "0x", "1.", "1e", " \n", "a ", "a.", "a(", "a<"),
    *("a=", "a:", "a\n", "f'{", "%{", "<%", "<?php ", "{{", "[["),
    *("<<A\n", "\"\\", "\"a", "'a", "a\\", "\\\n", "class ", "def ", "a,"),
    *("0.", "\r", "::", "->", "@a ", "template<", "<script>", "<style>", "/a"),
    *("=/", "--[[", "=begin\n", "s/", "r#\"", "$a", "# ", "a{", "a:b;"),
    *("select ", "  a: ", "- ", "\n\n", "int a(", "a<a,", "x = \t"),
]  # fmt: skip


def main(names):
    for name in names or sorted(set(LANGUAGES.values())):
        figures = []
        for repeated in REPEATED:
            for start in STARTS:
                code = (start + repeated * MAX_LENGTH)[:MAX_LENGTH]
                begin = time.process_time()
                colour_code(code, name)
                figures.append((time.process_time() - begin, start + repeated))
        seconds, worst = max(figures)
        print(f"{name:12} {seconds:6.3f} s  {worst!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
