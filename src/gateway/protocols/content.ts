/**
 * Owns the pieces of a client's message, text and files, and what they are in a prompt.
 */
import { refused } from './bodies.ts'
import type { Prompt, PromptPart } from './history.ts'

const mediaTypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  json: 'application/json',
  html: 'text/html',
}

/** Text where there is nothing but text: agents that are functions expect no parts. */
export function promptOf(parts: readonly PromptPart[]): Prompt {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  return texts.length === parts.length ? texts.join('\n') : [...parts]
}

/** A file at an address, or in it. @throws AxonError RUN_REQUEST_INVALID */
export function fileAt(url: string, param: string, otherwise: string): PromptPart {
  const [, media_type = '', data] = /^data:([^;,]+)[^,]*;base64,(.*)$/s.exec(url) ?? []
  if (data !== undefined) return { type: 'file', media_type, data }
  if (!URL.canParse(url) || !/^https?:/i.test(url))
    throw refused(param, 'Give an http(s) address, or a data: URL with base64.')
  return { type: 'file', media_type: mediaTypeOf(new URL(url).pathname, otherwise), url }
}

/** A file as it is sent along: a data: URL, or base64. @throws AxonError RUN_REQUEST_INVALID */
export function fileOf(data: string, name: string, param: string): PromptPart {
  if (data.startsWith('data:')) return fileAt(data, param, '')
  return { type: 'file', media_type: mediaTypeOf(name, 'application/octet-stream'), data }
}

export function noFileIds(param: string): Error {
  return refused(param, 'There are no uploaded files. Send the file itself, as file_data.')
}

function mediaTypeOf(path: string, otherwise: string): string {
  const [, extension = ''] = /\.(\w+)$/.exec(path) ?? []
  return mediaTypes[extension.toLowerCase()] ?? otherwise
}
