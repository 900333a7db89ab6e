/** Owns the dot that runs along a way when it is taken. */
import { useEffect, useRef } from 'preact/hooks'
import { isReplay } from '../state.ts'

const runMs = 300

/** Runs once for each `at`, which is not its first; not at all where motion is unwelcome. */
export function Spark({ path, at }: { path: string; at: number }) {
  const dot = useRef<SVGCircleElement>(null)
  const seen = useRef(at)
  useEffect(() => {
    if (seen.current === at) return
    seen.current = at
    if (isReplay.peek() || matchMedia('(prefers-reduced-motion: reduce)').matches) return
    dot.current?.style.setProperty('offset-path', `path("${path}")`)
    const run = dot.current?.animate(
      [
        { offsetDistance: '0%', opacity: 1 },
        { offsetDistance: '100%', opacity: 1 },
      ],
      { duration: runMs, easing: 'ease-in-out' },
    )
    return () => run?.cancel()
  }, [at, path])
  return <circle ref={dot} class="spark" r="4.5" />
}
