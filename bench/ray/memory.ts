/** Owns how much memory processes have: all that are seen from here, or those whose command begins so. */
import { readdirSync, readFileSync } from 'node:fs'

/** Proportional share, in megabytes, without this process's own. */
export function memory(command = ''): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const kilobytes = pids.filter((pid) => read(pid, 'cmdline').startsWith(command)).map(proportionalShare)
  return Math.round(kilobytes.reduce((sum, each) => sum + each, 0) / 1_024)
}

function proportionalShare(pid: string): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(read(pid, 'smaps_rollup'))?.[1] ?? 0)
}

/** What has ended meanwhile has none. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
