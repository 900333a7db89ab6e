/** Owns TCP ports on the loopback address, as the kernel gives them. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** A server that holds a port, and its port. */
export async function heldPort(): Promise<{ port: number; server: Server }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}

/** A port that was free a moment ago: nobody listens there. */
export async function freePort(): Promise<number> {
  const { port, server } = await heldPort()
  server.close()
  await once(server, 'close')
  return port
}
