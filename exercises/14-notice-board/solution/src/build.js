// Build: the page with its version, beside the script that tsc has put into public/.
import { readFileSync, writeFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync('package.json', 'utf-8'));
writeFileSync('public/index.html', readFileSync('web/index.html', 'utf-8').replaceAll('VERSION', version));
console.log(`build: public/index.html, version ${version}`);
