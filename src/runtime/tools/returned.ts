/**
 * Owns how a tool's result becomes a frame that the process can read.
 */
import { AxonError } from '../../errors.ts'
import { type InvokeFrame, maxFrameBytes, type NodeFrame } from '../../protocol/control.ts'

/** Python's reader fails somewhere above. */
const maxDepth = 64

/** The frame as JSON. @throws AxonError TOOL_RESULT_INVALID where the result is no JSON, too long, or nested too deep */
export function returnedLine({ run, attempt, id, tool }: InvokeFrame, result: unknown): string {
  const frame: NodeFrame = { type: 'tool.returned', run, attempt, id, result: result ?? null }
  const line = written(tool, frame)
  const bytes = Buffer.byteLength(line) + 1
  if (bytes > maxFrameBytes)
    throw invalid(tool, `is ${bytes} bytes long, and ${maxFrameBytes} is the most. Return less, or where to find it`)
  // One level is the frame's.
  if (isDeeper(line, maxDepth + 1)) throw invalid(tool, `is nested deeper than ${maxDepth}`)
  return line
}

function written(tool: string, frame: NodeFrame): string {
  try {
    return JSON.stringify(frame)
  } catch (cause) {
    throw invalid(tool, 'cannot be written as JSON', cause)
  }
}

function isDeeper(json: string, depth: number): boolean {
  let level = 0
  for (const [bracket] of json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').matchAll(/[[\]{}]/g)) {
    level += bracket === '[' || bracket === '{' ? 1 : -1
    if (level > depth) return true
  }
  return false
}

function invalid(tool: string, what: string, cause?: unknown): AxonError {
  return new AxonError('TOOL_RESULT_INVALID', `The result of ${tool} ${what}.`, { cause })
}
