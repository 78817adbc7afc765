"""The search's words: English ones as Sphinx has them, and Chinese ones, which no blank divides, by characters."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{HAN}]+|[^\W{HAN}]+")


class EnglishAndChinese(SearchEnglish):
    """Two characters are a word, and so is each of them."""

    lang = "en"
    js_splitter_code = r"""
function splitQuery(query) {
  const words = query.match(/[㐀-䶿一-鿿]+|(?:(?![㐀-䶿一-鿿])[\p{Letter}\p{Number}_\p{Emoji_Presentation}])+/gu) ?? [];
  return words.flatMap((word) =>
    !/[㐀-䶿一-鿿]/u.test(word) || word.length === 1
      ? [word]
      : Array.from({ length: word.length - 1 }, (_, at) => word.slice(at, at + 2)),
  );
}
"""

    def split(self, input: str) -> list[str]:
        words: list[str] = []
        for word in WORD.findall(input):
            words.append(word)
            if "\u3400" <= word[0] <= "\u9fff":
                words += [*word, *(word[at : at + 2] for at in range(len(word) - 1))]
        return words


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_search_language(EnglishAndChinese)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
