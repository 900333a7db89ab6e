/** Owns what the environment tests share: a small pure wheel, directories that are removed again, counted commands. */
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { isAxonError, type PythonEnvError } from '../../../src/errors.ts'
import { type Command, type CommandRunner, runCommand } from '../../../src/runtime/environment/command.ts'

/** A directory that is gone when the test is over. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'axon-environment-')))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Writes a wheel of axon_agent with one module and the given requirements, and returns its path. */
export async function fakeWheel(
  directory: string,
  requires: readonly string[] = [],
  version = '0.1.0',
): Promise<string> {
  await mkdir(directory, { recursive: true })
  const path = join(directory, `axon_agent-${version}-py3-none-any.whl`)
  await writeFile(path, pureWheel('axon_agent', version, { requires }))
  return path
}

/** A wheel of one module with a variable `answer`. */
export function pureWheel(
  name: string,
  version: string,
  { requires = [], answer = '42' }: { requires?: readonly string[]; answer?: string } = {},
): Buffer {
  const info = `${name}-${version}.dist-info`
  return zip({
    [`${name}/__init__.py`]: `answer = ${answer}\n`,
    [`${info}/METADATA`]: [
      'Metadata-Version: 2.1',
      `Name: ${name.replaceAll('_', '-')}`,
      `Version: ${version}`,
      ...requires.map((line) => `Requires-Dist: ${line}`),
      '',
    ].join('\n'),
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: [`${name}/__init__.py`, `${info}/METADATA`, `${info}/WHEEL`, `${info}/RECORD`]
      .map((path) => `${path},,\n`)
      .join(''),
  })
}

function zip(files: Record<string, string>): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt32LE(0x5a210000, 6)
    fields.writeUInt32LE(crc32(data), 10)
    fields.writeUInt32LE(data.length, 14)
    fields.writeUInt32LE(data.length, 18)
    fields.writeUInt16LE(name.length, 22)
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    const entry = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), data])
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), fields, place, Buffer.from(name)]))
    local.push(entry)
    offset += entry.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(central.length, 4)
  end.writeUInt16LE(central.length, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end])
}

/** The real runner, with a record of what it was asked. */
export function recordedRunner(): { run: CommandRunner; commands: Command[] } {
  const commands: Command[] = []
  return {
    commands,
    run: (command) => {
      commands.push(command)
      return runCommand(command)
    },
  }
}

export async function rejectionOf(promise: Promise<unknown>): Promise<PythonEnvError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (isAxonError(error)) return error as PythonEnvError
  throw new Error('A PythonEnvError was expected', { cause: error })
}

/** Names of everything below `environments`, one level of builders deep. */
export async function storedBuilds(cacheDir: string): Promise<string[]> {
  const root = join(cacheDir, 'environments')
  const fingerprints = await readdir(root).catch((): string[] => [])
  const lists = await Promise.all(fingerprints.map((name) => readdir(join(root, name)).catch((): string[] => [])))
  return lists.flat()
}
