/**
 * Owns the load on an HTTP address, in a process of its own: as many requests at once as it is told, then one at a time.
 */
import { Pool } from 'undici'
import { latency, rate } from './measures.ts'

export interface Order {
  url: string
  path: string
  token: string | undefined
  body: string
  concurrency: number
  seconds: number
}

process.on('message', async ({ url, path, token, body, concurrency, seconds }: Order) => {
  const pool = new Pool(url, { connections: concurrency, pipelining: 1 })
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const ask = async () => {
    const response = await pool.request({ method: 'POST', path, headers, body })
    const text = await response.body.text()
    if (response.statusCode !== 200) throw new Error(text)
    return text
  }
  const perSecond = await rate(ask, concurrency, seconds)
  const aloneMs = await latency(ask)
  await pool.close()
  process.send?.({ perSecond, aloneMs })
})
