"""Shoppers: each a browser of its own, with nothing shared but the shop."""

import re
from pathlib import Path
from typing import Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

ANSWER_MS: Final = 30_000
"""Longest wait for anything on the page. Most of it takes milliseconds; a cold browser on a busy machine
takes seconds."""

PHONE: Final[ViewportSize] = {"width": 390, "height": 844}


class Shopper:
    """One person's browser at the sample page."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console",
            # A refusal is no fault, but a browser notes each answer above 399.
            lambda line: (
                self.faults.append(line.text)
                if line.type == "error" and "status of" not in line.text
                else None
            ),
        )

    @classmethod
    async def come(cls, browser: Browser, url: str, *, is_on_phone: bool = False) -> "Shopper":
        """Open the page and wait until it shows live stock."""
        context = await browser.new_context(viewport=PHONE if is_on_phone else None)
        context.set_default_timeout(ANSWER_MS)
        shopper = cls(context, await context.new_page())
        await shopper.page.goto(f"{url}/storefront/")
        await expect(shopper.page.locator("#line")).to_have_text("Live stock", timeout=ANSWER_MS)
        return shopper

    async def press(self, button: str) -> None:
        """Press a button that is there."""
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def sees(self, text: str | re.Pattern[str]) -> None:
        """Wait until a text is there to be seen."""
        await expect(self.page.locator("#action")).to_contain_text(
            text, timeout=ANSWER_MS, use_inner_text=True
        )

    async def sees_stock(self, text: str) -> None:
        """Wait until the product's stock says so."""
        await expect(self.page.locator("#stock")).to_have_text(text, timeout=ANSWER_MS)

    async def until_view(self, *views: str) -> str:
        """Wait until the page shows one of these views; gives it."""
        await self.page.wait_for_function("views => views.includes(document.body.dataset.view)", arg=views)
        return str(await self.page.evaluate("document.body.dataset.view"))

    async def is_accessible(self) -> None:
        """Hold the page as it is now to the rules of axe."""
        found = await Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()

    async def picture(self, folder: Path | None, name: str) -> None:
        """Keep a picture, where pictures are wanted."""
        if folder is not None:
            await self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    async def reload(self) -> None:
        """Press the browser's own reload."""
        await self.page.reload()

    async def leave(self) -> None:
        """Close the browser; nothing may have gone wrong in the page."""
        assert not self.faults, self.faults
        await self.context.close()
