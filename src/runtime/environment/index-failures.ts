/**
 * Owns what the package index has to do with a failed command: it could not be reached, refused, or gave what cannot be used.
 */
import type { Verdict } from './failures.ts'

export function fromIndex(text: string): Verdict | undefined {
  return fromHashes(text) ?? fromNetwork(text) ?? fromDamage(text)
}

function fromHashes(text: string): Verdict | undefined {
  const uv = /Hash mismatch for `([^`]+)`/.exec(text)?.[1]
  const pip = /DO NOT MATCH THE HASHES[\s\S]*?\n\s*(\S+)[^\n]*(?:\n|:)/.exec(text)?.[1]
  const name = uv ?? pip
  if (name === undefined) return undefined
  return {
    code: 'ENV_HASH_MISMATCH',
    message: `What the index has as ${name} is not what was locked: its hash is another. Nothing of it was installed.`,
    hint: 'Find out whether the index, a mirror or the lock was changed, and lock again only when you know.',
  }
}

function fromNetwork(text: string): Verdict | undefined {
  const refused =
    /(?:HTTP (?:status )?(?:client|server) error \(|HTTP error |HTTPError: |status code:? |Could not fetch URL [^\n]*(?:: |too many ))(401|403|407|5\d\d)/.exec(
      text,
    )
  if (refused !== null) {
    const status = refused[1] ?? ''
    const isServer = status.startsWith('5')
    return {
      code: 'ENV_NETWORK',
      message: `The package index refused the request with HTTP status ${status}.`,
      hint: isServer
        ? 'Try again later.'
        : 'Check the credentials and the address of the index in the configuration of uv or pip.',
      isRetryable: isServer,
    }
  }
  const certificate = /CERTIFICATE_VERIFY_FAILED|invalid peer certificate|certificate verify failed|UnknownIssuer/i
  if (certificate.test(text)) {
    return {
      code: 'ENV_NETWORK',
      message: 'The package index could not be reached: its certificate is not trusted.',
      hint: 'Behind a proxy that inspects traffic, name its certificate in SSL_CERT_FILE (uv) or PIP_CERT (pip).',
      isRetryable: false,
    }
  }
  const unreachable =
    /NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|MaxRetryError|Max retries exceeded|Failed to establish a new connection|Connection to \S+ timed out|Temporary failure in name resolution|Name or service not known|client error \((?:Connect|SendRequest)\)|dns error|operation timed out|Connection (?:refused|reset)|Network is unreachable|network connectivity is disabled|because the network was disabled|Failed to (?:fetch|download)[^\n]*\n[^\n]*(?:error sending request|timed out|request or response body error)/i
  if (!unreachable.test(text)) return undefined
  return {
    code: 'ENV_NETWORK',
    message: 'The package index could not be reached.',
    hint: 'Check the network, the proxy, and the index that uv or pip is configured with.',
  }
}

/** Also a download that was cut off: pip does not tell it from a damaged file. */
function fromDamage(text: string): Verdict | undefined {
  const found =
    /Because (\S+) has an invalid package format|Failed to (?:download|extract|install|read)[^\n]*?`([^`]+)`(?:\n[^\n]*)?\n[^\n]*(?:Failed to extract archive|zip)/.exec(
      text,
    ) ?? /could not read '([^'/]+?)\.dist-info|Wheel '([^']+)' located at \S+ is invalid/.exec(text)
  const name = found?.[1] ?? found?.[2]
  if (name === undefined) return undefined
  return {
    code: 'ENV_INSTALL_FAILED',
    message: `The file that the index has as ${name} is damaged, or did not come whole. Nothing of it was installed.`,
    hint: 'Try again; where it is damaged each time, clear the cache of uv or pip, and tell whoever keeps the index or the mirror.',
    isRetryable: true,
  }
}
