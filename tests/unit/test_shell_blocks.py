"""
What is found in the pages; tests/long runs it.
"""

import re

from tests.shell_blocks import blocks, blocks_of

PAGE = """
Text.

    one --flag \\
      two

<!-- needs a node; CI does not run the block above -->

```sh
three
```

```text
no command
```

* an item
    of two lines

    four

    five
Text.
"""


def test_blocks__of_every_form__are_found_with_the_reasons_why_they_are_not_run() -> None:
    found = [(block.place, block.text, block.reason) for block in blocks_of(PAGE, "page.md")]

    assert found == [
        ("page.md:4", "one --flag \\\n  two", "needs a node"),
        ("page.md:9", "three", None),
        ("page.md:20", "four\n\nfive", None),
    ]


def test_blocks__of_a_page_that_is_marked__are_all_marked() -> None:
    page = PAGE + "\n<!-- for production: CI does not run the blocks of this page -->\n"

    assert {block.reason for block in blocks_of(page, "page.md")} == {"needs a node", "for production"}


def test_blocks__that_are_run__have_nothing_to_fill_in() -> None:
    run = [block for block in blocks() if block.reason is None]

    assert len(run) >= 10
    assert {block.place.partition(":")[0] for block in run} >= {"README.md", "docs/commands.md", "docs/replay.md"}
    assert not [block.place for block in run if re.search(r"\.\.\.|\b[A-Z]{3,}$|<\w+>", block.text)]
