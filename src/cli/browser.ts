/**
 * Owns the opening of an address in the person's browser. It has a token, and command lines are read by everybody on the machine:
 * so the browser is given a file that leads there, which only this user may read.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The answer removes the file. @param onError called where there is no browser to be opened */
export function openBrowser(url: string, onError: () => void): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'axon-page-'))
  const path = join(directory, 'page.html')
  const to = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  writeFileSync(path, `<!doctype html><meta http-equiv="refresh" content="0; url=${to}"><a href="${to}">Axon</a>\n`, {
    mode: 0o600,
  })
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open'
  const child = spawn(command, [path], { detached: true, stdio: 'ignore' })
  child.once('error', onError)
  child.once('exit', (code) => {
    if (code !== 0) onError()
  })
  child.unref()
  return () => rmSync(directory, { recursive: true, force: true })
}
