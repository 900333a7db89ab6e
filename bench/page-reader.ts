/**
 * A page that is no browser, in a process of its own: it reads what it is told, or with `stall` nothing after the first. It says
 * `ready` when it has the present, and ends with its standard input.
 */
import { WebSocket } from 'ws'

const [url = '', how] = process.argv.slice(2)
const { host, hash } = new URL(url)
const socket = new WebSocket(`ws://${host}/live`, 'axon.live.1')
socket.on('open', () => socket.send(JSON.stringify({ token: new URLSearchParams(hash.slice(1)).get('token') })))
socket.once('message', () => {
  console.log('ready')
  if (how === 'stall') socket.pause()
})
socket.on('message', (data) => JSON.parse(String(data)))
process.stdin.on('end', () => process.exit()).resume()
