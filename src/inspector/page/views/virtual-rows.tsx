/** Owns long lists: rows of one height, of which only those in sight are in the document. */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

interface Props {
  count: number
  /** Of a row, in pixels. */
  height: number
  label: string
  /** Whether the end stays in sight. */
  isFollowing?: boolean
  /** Told when a person scrolls away from the end, or back to it. */
  onFollow?: (isFollowing: boolean) => void
  /** A row that is brought into sight when it changes. */
  revealed?: number | undefined
  children: (index: number) => ComponentChildren
}

const beyond = 8

export function VirtualRows({ count, height, label, isFollowing = false, onFollow, revealed, children }: Props) {
  const scroller = useRef<HTMLDivElement>(null)
  const [place, setPlace] = useState({ top: 0, height: 400 })
  const first = Math.max(0, Math.floor(place.top / height) - beyond)
  const shown = Math.max(0, Math.min(count - first, Math.ceil(place.height / height) + 2 * beyond))

  useEffect(() => {
    const element = scroller.current as HTMLDivElement
    const measure = () => setPlace({ top: element.scrollTop, height: element.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [])

  useLayoutEffect(() => {
    const element = scroller.current as HTMLDivElement
    if (isFollowing) element.scrollTop = element.scrollHeight
  }, [isFollowing, count, place.height])

  useLayoutEffect(() => {
    const element = scroller.current as HTMLDivElement
    if (revealed === undefined || revealed < 0) return
    const top = revealed * height
    if (top < element.scrollTop || top + height > element.scrollTop + element.clientHeight)
      element.scrollTop = top - element.clientHeight / 2
  }, [revealed, height])

  const scrolled = () => {
    const element = scroller.current as HTMLDivElement
    setPlace({ top: element.scrollTop, height: element.clientHeight })
    const isAtEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - height
    if (isAtEnd !== isFollowing) onFollow?.(isAtEnd)
  }

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <div class="rows" ref={scroller} onScroll={scrolled} tabIndex={0} role="log" aria-label={label} aria-live="off">
      <div class="rows-all" role="presentation" style={{ height: `${count * height}px` }}>
        <div class="rows-window" role="presentation" style={{ transform: `translateY(${first * height}px)` }}>
          {Array.from({ length: shown }, (_, i) => children(first + i))}
        </div>
      </div>
    </div>
  )
}
