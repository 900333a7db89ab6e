/**
 * Owns how it is known that Node has no file descriptor left, which passes: whatever came to nothing because of it can be tried again.
 */

/** Whether an error, or what caused it, is of that kind: the limit of this process (EMFILE) or of the machine (ENFILE). */
export function isOutOfFiles(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EMFILE' || code === 'ENFILE') return true
  }
  return false
}

export const outOfFilesHint = 'Raise the limit of open files of Node (ulimit -n), or look for what keeps so many open.'
