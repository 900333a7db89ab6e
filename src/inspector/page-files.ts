/**
 * Owns the files of the page as they are served: which there are, and with which headers. They are built by `npm run setup`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { securityHeaders } from '../runtime/serving/hosts.ts'
import type { PageFile } from '../runtime/serving/page.ts'

/** The same from src/ and from dist/. */
const folder = fileURLToPath(new URL('../../dist/inspector/page', import.meta.url))

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const pageHeaders = {
  ...securityHeaders,
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const

/** Where the files are: `/`, `/page.js` and others. */
export function pagePaths(): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name !== 'index.html' && extname(name) in types)
    return ['/', ...names.map((name) => `/${name}`)]
  } catch {
    return ['/']
  }
}

/** @param path of the request, without its query; undefined where the page has no such file */
export function pageFile(path: string): PageFile | undefined {
  const name = path === '/' ? 'index.html' : path.slice(1)
  const type = types[extname(name)]
  if (type === undefined || !/^[a-z][a-z0-9-]*\.[a-z]+$/.test(name)) return undefined
  try {
    const body = readFileSync(join(folder, name))
    return { status: 200, headers: { ...pageHeaders, 'content-type': type }, body }
  } catch {
    if (name !== 'index.html') return undefined
    const body = Buffer.from('The page is not there. Install the package again, or in a checkout run: npm run setup\n')
    return { status: 503, headers: { ...pageHeaders, 'content-type': 'text/plain; charset=utf-8' }, body }
  }
}
