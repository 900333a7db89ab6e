/**
 * Owns the writing of a file that is either the old one or the whole new one.
 */
import { renameSync, writeFileSync } from 'node:fs'

/** @param mode of a file that is new. Default: as the process makes files */
export function writeWhole(file: string, content: string, mode?: number): void {
  writeFileSync(`${file}.new`, content, { mode })
  renameSync(`${file}.new`, file)
}
