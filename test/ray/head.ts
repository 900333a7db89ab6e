/** Owns Ray's head: started in the namespaces that namespace.ts has made, where every port is free and nobody else is reached. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type RayHead, startNode } from './node.ts'

// SIOCSIFFLAGS with IFF_UP | IFF_RUNNING.
const loopbackUp = `
import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sH22x", b"lo", 0x41))
`

/** Resolves once its dashboard answers. */
export async function startHead(): Promise<{ ray: RayHead; end: () => Promise<void> }> {
  const python = variable('AXON_TEST_RAY_PYTHON')
  const directory = variable('AXON_TEST_RAY_DIR')
  const token = randomBytes(32).toString('hex')
  execFileSync(python, ['-c', loopbackUp])

  // More processors than there are: a replica takes one, and waits otherwise. Of those that need a `spare`, or `room`, there is a place for one each.
  const resources = ['--num-cpus=8', '--resources={"spare": 1, "room": 1}']
  const head = startNode({ token, python, directory }, 'head', [
    ...['--head', '--node-ip-address=127.0.0.1', '--dashboard-host=127.0.0.1'],
    ...[`--temp-dir=${join(directory, 'ray')}`, ...resources],
  ])
  const ended = once(head, 'exit')
  const address = 'http://127.0.0.1:8265'
  const authorization = `Bearer ${token}`
  while (!(await answers(`${address}/api/serve/applications/`, authorization))) {
    if (head.exitCode !== null)
      throw new Error(`Ray did not start:\n${readFileSync(join(directory, 'head.log'), 'utf8')}`)
    await setTimeout(250)
  }
  return {
    ray: { address, proxy: 'http://127.0.0.1:8000', token, python, directory },
    end: async () => {
      // It would end its children one after another, which takes half a minute; they end with the namespace.
      head.kill('SIGKILL')
      await ended
    },
  }
}

async function answers(url: string, authorization: string): Promise<boolean> {
  return fetch(url, { headers: { authorization } }).then(
    ({ ok }) => ok,
    () => false,
  )
}

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set: see test/ray/namespace.ts.`)
  return value
}
