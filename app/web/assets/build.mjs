// Bundles every script of this folder, third-party code included, into ../static/dist (never committed).
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

await build({
  entryPoints: readdirSync(here).filter((name) => name.endsWith(".js")).map((name) => join(here, name)),
  outdir: join(here, "..", "static", "dist"),
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  legalComments: "linked",
  loader: { ".svg": "dataurl", ".woff": "dataurl", ".woff2": "dataurl" },
  logLevel: "warning",
});
