/**
 * Owns one property of a connection that is read and written: what the other end said last is read though nothing can be written
 * to it any more. A socket of Node's is destroyed by a failed write, and with it what the kernel holds unread: the receipts of a
 * process that has just died.
 */
import type { Socket } from 'node:net'

/** From now on a write that fails is dropped in silence: the end of the connection tells what it would have told. */
export function keepReadable(socket: Socket): void {
  const { _write: write, _writev: writev } = socket
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, () => done())
  if (writev) socket._writev = (chunks, done) => writev.call(socket, chunks, () => done())
}
