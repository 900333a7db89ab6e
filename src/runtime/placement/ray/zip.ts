/**
 * Owns the making of a zip archive of files in memory: the same files give the same bytes, whenever and wherever they are packed.
 */
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipEntry {
  /** With `/` between its parts. */
  name: string
  bytes: Buffer
  isExecutable: boolean
}

/** 1 January 1980, the first day there is in a zip. */
const day = 0x21
const version = 20
const utf8Names = 0x0800
const deflated = 8

/** @param entries in the order in which they are to stand */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, bytes, isExecutable } of entries) {
    const path = Buffer.from(name, 'utf8')
    const data = deflateRawSync(bytes)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(version, 0)
    common.writeUInt16LE(utf8Names, 2)
    common.writeUInt16LE(deflated, 4)
    common.writeUInt16LE(day, 8)
    common.writeUInt32LE(crc32(bytes), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(bytes.length, 18)
    common.writeUInt16LE(path.length, 22)
    const central = Buffer.alloc(14)
    central.writeUInt32LE(((0o100000 | (isExecutable ? 0o755 : 0o644)) << 16) >>> 0, 6)
    central.writeUInt32LE(offset, 10)
    const madeBy = Buffer.from([version, 3])
    parts.push(Buffer.from('PK\u0003\u0004', 'latin1'), common, path, data)
    directory.push(Buffer.from('PK\u0001\u0002', 'latin1'), madeBy, common, central, path)
    offset += 4 + common.length + path.length + data.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\u0005\u0006', 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, central, end])
}
