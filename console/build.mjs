// Builds the console into dist/: one page, one script, one style sheet, the icon and the notices of what is bundled.
// File names carry a hash of their content, so that a browser may keep them for ever.

import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = here + 'dist/';

const bundle = await build({
  absWorkingDir: here,
  entryPoints: { app: 'src/main.tsx', style: 'src/style.css' },
  outdir: 'dist/assets',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',  // the notices are in licenses.txt, whole
  metafile: true,
  write: false,
});

/** The notice of every package that has a byte in the bundle. */
async function notices(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (name) packages.add(name);
  }
  const parts = ['Barrio\'s console contains the following works, under their own terms.\n'];
  for (const name of [...packages].sort()) {
    const folder = `${here}node_modules/${name}/`;
    const about = JSON.parse(await readFile(folder + 'package.json', 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} is bundled but carries no licence file`);
    parts.push(`${name} ${about.version} (${about.license})\n\n${await readFile(folder + file, 'utf8')}`);
  }
  parts.push('Map of Spain: (c) Instituto Geográfico Nacional de España, CC BY 4.0, by way of es-atlas.\n' +
             'https://creativecommons.org/licenses/by/4.0/\n');
  return parts.join('\n----------------------------------------------------------------\n\n');
}

function hashed(name, extension, bytes) {
  return `assets/${name}-${createHash('sha256').update(bytes).digest('hex').slice(0, 10)}.${extension}`;
}

const script = bundle.outputFiles.find((file) => file.path.endsWith('.js'));
const style = bundle.outputFiles.find((file) => file.path.endsWith('.css'));
const scriptPath = hashed('app', 'js', script.contents);
const stylePath = hashed('style', 'css', style.contents);
const page = (await readFile(here + 'index.html', 'utf8')).replace('%STYLE%', stylePath).replace('%SCRIPT%', scriptPath);

await rm(dist, { recursive: true, force: true });
await mkdir(dist + 'assets', { recursive: true });
await writeFile(dist + scriptPath, script.contents);
await writeFile(dist + stylePath, style.contents);
await writeFile(dist + 'assets/icon.svg', await readFile(here + 'src/icon.svg'));
await writeFile(dist + 'assets/licenses.txt', await notices(Object.keys(bundle.metafile.inputs)));
await writeFile(dist + 'index.html', page);  // last: with it the build is whole
console.log(`console: ${scriptPath} ${Math.round(script.contents.length / 1024)} KiB, ${stylePath} ${Math.round(style.contents.length / 1024)} KiB`);
