/** Owns the tree: only rows in sight are in the document, one tab stop, arrow keys, and the strips beside the rows. */
import { computed, signal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { parseFilter } from './filter.ts'
import { lifelines } from './intake.ts'
import { openActor } from './navigation.ts'
import { colours } from './settings.ts'
import * as state from './state.ts'
import { drawStrip, inkOf } from './strip.ts'
import { axis } from './time.ts'
import { TreeRow } from './tree-row.tsx'
import { type Opened, type Row, rowsOf } from './tree-rows.ts'

const opened = signal<Opened>(new Map())
const beyond = 6

const rows = computed(() => {
  state.treeVersion.value
  const filter = parseFilter(state.filter.value)
  // States change all the time: rows that depend on them are looked at twice a second.
  if (filter.states.length > 0) state.now.value
  return rowsOf(state.shown.peek(), opened.value, filter)
})

/** How many rows there are. */
export const matchCount = computed(() => rows.value.length)

function toggle(row: Row, isOpen = !row.isOpen): void {
  opened.value = new Map(opened.value).set(row.id, isOpen)
}

const view = signal({ top: 0, height: 600, row: 27 })

export function Tree() {
  const scroller = useRef<HTMLDivElement>(null)
  const { top, height, row } = view.value
  const first = Math.max(0, Math.floor(top / row) - beyond)
  const visible = rows.value.slice(first, first + Math.ceil(height / row) + 2 * beyond)
  const chosen = state.selected.value ?? rows.value[0]?.id

  useLayoutEffect(() => {
    const element = scroller.current as HTMLDivElement
    const measure = () => {
      const row = Number.parseFloat(getComputedStyle(element).getPropertyValue('--row'))
      view.value = { top: element.scrollTop, height: element.clientHeight, row }
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    return () => observer.disconnect()
  }, [])

  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const at = rows.value.findIndex(({ id }) => id === chosen)
    const next = at === -1 ? 0 : moved(event.key, at)
    const here = rows.value[at]
    if (event.key === 'Enter' && here !== undefined) {
      openActor(here.id)
      document.getElementById(`tab-${state.tab.value}`)?.focus()
    } else if (next !== undefined) {
      const target = rows.value[next]
      if (target === undefined) return
      state.selected.value = target.id
      reveal(scroller.current, next, row)
    } else return
    event.preventDefault()
  }

  return (
    <div class="tree-scroller" ref={scroller}>
      <div
        id="tree"
        class="tree"
        role="tree"
        tabIndex={0}
        aria-label="Actors"
        aria-activedescendant={chosen === undefined ? undefined : `row-${chosen}`}
        onKeyDown={keys}
        style={{ height: `${rows.value.length * row}px` }}
      >
        <div role="none" class="tree-window" style={{ transform: `translateY(${first * row}px)` }}>
          {visible.map((each) => (
            <TreeRow key={each.id} row={each} isSelected={each.id === chosen} onToggle={() => toggle(each)} />
          ))}
          <Strips rows={visible} row={row} />
        </div>
      </div>
    </div>
  )
}

/** Where a key leads from the row at `at`; opening and closing lead nowhere. */
function moved(key: string, at: number): number | undefined {
  const all = rows.value
  const here = all[at] as Row
  switch (key) {
    case 'ArrowDown':
      return Math.min(all.length - 1, at + 1)
    case 'ArrowUp':
      return Math.max(0, at - 1)
    case 'Home':
      return 0
    case 'End':
      return all.length - 1
    case 'ArrowRight':
      if (here.hasChildren && !here.isOpen) {
        toggle(here, true)
        return at
      }
      return here.isOpen ? at + 1 : at
    case 'ArrowLeft': {
      if (here.isOpen) {
        toggle(here, false)
        return at
      }
      const parent = all.slice(0, at).findLastIndex(({ level }) => level < here.level)
      return parent === -1 ? at : parent
    }
    default:
      return undefined
  }
}

function reveal(element: HTMLElement | null, at: number, row: number): void {
  if (element === null) return
  if (at * row < element.scrollTop) element.scrollTop = at * row
  else if ((at + 1) * row > element.scrollTop + element.clientHeight)
    element.scrollTop = (at + 1) * row - element.clientHeight
}

function Strips({ rows: shownRows, row }: { rows: readonly Row[]; row: number }) {
  const ref = useRef<HTMLCanvasElement>(null)
  const between = axis.value
  colours.value
  state.playhead.value
  useEffect(() => {
    const canvas = ref.current
    if (canvas === null || document.hidden) return
    const width = canvas.clientWidth
    const ratio = devicePixelRatio
    const [wide, high] = [Math.round(width * ratio), Math.round(shownRows.length * row * ratio)]
    if (canvas.width !== wide) canvas.width = wide
    if (canvas.height !== high) canvas.height = high
    const context = canvas.getContext('2d')
    if (context === null) return
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, width, shownRows.length * row)
    const ink = inkOf(canvas)
    const isTall = row > 40
    shownRows.forEach(({ id }, i) => {
      const kind = state.shown.peek().actors.get(id)?.kind
      if (kind !== 'replica' && kind !== 'host') return
      const place = { x: 0, y: Math.round(row * (i + (isTall ? 0.72 : 0.5))), width, height: isTall ? 12 : 13 }
      drawStrip(context, place, between, lifelines.of(id), lifelines.crashesOf(id), ink)
    })
    drawPlayhead(context, between, width, shownRows.length * row, ink.ink)
  })
  return <canvas class="strips" ref={ref} style={{ height: `${shownRows.length * row}px` }} />
}

function drawPlayhead(
  context: CanvasRenderingContext2D,
  between: { from: number; to: number },
  width: number,
  height: number,
  ink: string,
) {
  if (state.playhead.peek() === undefined) return
  const x = ((state.shown.peek().at - between.from) / (between.to - between.from)) * width
  context.fillStyle = ink
  context.fillRect(Math.round(x), 0, 1, height)
}
