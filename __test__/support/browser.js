'use strict';

// A real headless browser for tests, where there is one.

const { existsSync } = require('node:fs');

/** Where systems have Chromium or Chrome; the environment variable CHROMIUM names another place. */
const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Quiet: nothing but the test's own page is asked for. */
const SWITCHES = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const playwright = loadPlaywright();
const executablePath = PLACES.find((place) => place && existsSync(place));

function loadPlaywright() {
  try {
    return require('playwright-core');
  } catch {
    return undefined;
  }
}

/** Why tests with a browser cannot run here; `false` if they can. */
const noBrowser =
  (!playwright && 'playwright-core is not installed (npm install --no-save playwright-core)') ||
  (!executablePath && 'no Chromium was found (install it, or name it in the environment variable CHROMIUM)');

/** Starts a browser. Root may only start one without its sandbox. `switches`: more of them. */
function launchBrowser(...switches) {
  const args = [...SWITCHES, ...switches, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
  return playwright.chromium.launch({ executablePath, args });
}

/**
 * Opens a page of its own session, and watches over it: a page that complains, or asks anybody but its server, fails
 * the test.
 * @param {import('node:test').TestContext} t
 * @param {object} browser
 * @param {string} url
 * @param {object} [options] Of the session: `viewport`, `colorScheme` …
 */
async function openPage(t, browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.stack));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) {
      complaints.push(`asked for ${request.url()}`);
    }
  });
  page.on('console', (message) => {
    // The browser itself remarks on each answer that is no 200, and on none at all.
    if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  await page.goto(url);
  return { page, complaints };
}

module.exports = { launchBrowser, noBrowser, openPage };
