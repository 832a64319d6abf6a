// The demonstration site as a person uses it: in a browser, with a mouse and without, seen and read
// aloud. The screenshots in out/web/ are for people to look at.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pictures = `${root}/out/web`;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let demo;
let site;
let browser;

before(async () => {
  await mkdir(pictures, { recursive: true });
  const command = process.env.RELAYPASS ?? `${root}/target/debug/relaypass`;
  demo = spawn(command, ["demo", "--web", "--until-stdin-closes"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface(demo.stdout)) {
    site = /^Open (\S+) in a browser/.exec(line)?.[1];
    if (site) break;
  }
  assert.ok(site, "the demonstration says where it is");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Nothing but this machine is asked for anything.
    args: [
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
});

after(async () => {
  await browser?.close();
  demo?.stdin.end();
  if (demo && demo.exitCode === null) await once(demo, "exit");
});

/** A visitor of his own, and every address that his browser asks. */
async function visitor(options = {}) {
  const context = await browser.newContext(options);
  const asked = [];
  context.on("request", (request) => asked.push(request.url()));
  const page = await context.newPage();
  await page.goto(site);
  return { context, page, asked };
}

/** The new tab that pressing the button opens. */
async function verify(context, press) {
  const opened = context.waitForEvent("page");
  await press();
  const tab = await opened;
  await tab.waitForLoadState();
  return tab;
}

async function heading(page, name) {
  await page.getByRole("heading", { level: 1, name }).waitFor({ timeout: 15_000 });
}

/** What a screen reader, or an eye with little contrast, would stumble over. */
async function stumbles(page) {
  // Beside the page's own policy, which allows no other script.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(", ")}`);
}

describe("the demonstration site", () => {
  for (const [choice, title, result] of [
    ["Pass", "Welcome in", "passed"],
    ["Fail", "The door stays shut", "failed"],
  ]) {
    it(`shows the claim after ${choice}, by itself`, async () => {
      const { context, page, asked } = await visitor();
      await heading(page, "Are you over 18?");
      const press = () => page.getByRole("button", { name: "Verify my age" }).click();
      const tab = await verify(context, press);
      await heading(page, "Waiting for the check");
      await tab.getByRole("button", { name: choice, exact: true }).click();
      await heading(page, title);
      await page.getByText("age_over18_verified").waitFor();
      await page.locator("dd", { hasText: new RegExp(`^${result}$`) }).waitFor();
      assert.deepEqual(await stumbles(page), []);
      const foreign = asked.filter((url) => new URL(url).hostname !== "127.0.0.1");
      assert.deepEqual(foreign, [], "no asset comes from elsewhere");
      await page.screenshot({ path: `${pictures}/${result}.png`, fullPage: true });
      await context.close();
    });
  }

  for (const colorScheme of ["light", "dark"]) {
    it(`can be read in the ${colorScheme}, on a telephone`, async () => {
      const { context, page } = await visitor({
        colorScheme,
        viewport: { width: 390, height: 844 },
      });
      assert.deepEqual(await stumbles(page), []);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `${width} pixels wide`);
      await page.screenshot({ path: `${pictures}/question-${colorScheme}.png`, fullPage: true });
      await context.close();
    });
  }

  it("needs no mouse", async () => {
    const { context, page } = await visitor();
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement?.textContent);
    assert.equal(focused, "Verify my age");
    const tab = await verify(context, () => page.keyboard.press("Enter"));
    await tab.keyboard.press("Tab");
    await tab.keyboard.press("Enter");
    await heading(tab, "Passed");
    await heading(page, "Welcome in");
    await context.close();
  });

  it("needs no script", async () => {
    const { context, page } = await visitor({ javaScriptEnabled: false });
    const press = () => page.getByRole("button", { name: "Verify my age" }).click();
    const tab = await verify(context, press);
    await tab.getByRole("button", { name: "Pass" }).click();
    await page.goto(site);
    await heading(page, "Welcome in");
    await page.getByRole("button", { name: "Start again" }).click();
    await heading(page, "Are you over 18?");
    await context.close();
  });

  it("keeps visitors apart", async () => {
    const one = await visitor();
    const other = await visitor();
    const press = () => one.page.getByRole("button", { name: "Verify my age" }).click();
    const tab = await verify(one.context, press);
    await tab.getByRole("button", { name: "Pass" }).click();
    await heading(one.page, "Welcome in");
    await other.page.reload();
    await heading(other.page, "Are you over 18?");
    await one.context.close();
    await other.context.close();
  });
});
