/** Owns the heads of ways: one for each weight that a chart draws, `url(#head-newest)` where its prefix is `head`. */

export type Weight = 'rest' | 'out' | 'came' | 'newest' | 'pointed'

interface Props {
  prefix: string
  /** Sides, in pixels. */
  sizes: Readonly<Partial<Record<Weight, number>>>
}

export function WayHeads({ prefix, sizes }: Props) {
  return (
    <>
      {Object.entries(sizes).map(([weight, size]) => (
        <marker
          key={weight}
          id={`${prefix}-${weight}`}
          class={`way-head is-${weight}`}
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth={size}
          markerHeight={size}
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0 .8L7.4 4L0 7.2z" />
        </marker>
      ))}
    </>
  )
}
