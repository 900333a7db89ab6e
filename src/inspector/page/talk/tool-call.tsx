/** Owns how a tool call is named: its state as a shape, its name, what it was given. */
import { StateShape } from '../state-shape.tsx'
import type { ToolEntry } from './ledger.ts'
import { inline } from './value.ts'

const toolShapes: Readonly<Record<ToolEntry['state'], string>> = {
  running: 'starting',
  asked: 'suspect',
  done: 'ready',
  failed: 'failed',
  lost: 'stopped',
}

export function ToolCall({ tool }: { tool: ToolEntry }) {
  return (
    <span class="tool-call mono">
      <StateShape state={toolShapes[tool.state]} /> <b>{tool.name}</b>{' '}
      <span class="tool-arguments">{inline(tool.arguments)}</span>
    </span>
  )
}
