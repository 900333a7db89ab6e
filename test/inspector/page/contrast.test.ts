import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const css = readFileSync(join(import.meta.dirname, '../../../src/inspector/page/tokens.css'), 'utf8')

const inks = ['ink', 'ink2', 'ink3']
const tones = ['rest', 'moving', 'good', 'warn', 'leave', 'bad']
/** WCAG 2 AA: text, and graphics. */
const [text, graphics] = [4.5, 3]

type Colour = readonly [number, number, number]

/** Custom properties of the rule with this selector. */
function tokens(selector: string): Record<string, string> {
  const begin = css.indexOf(`${selector} {`)
  const body = css.slice(begin + selector.length + 2, css.indexOf('}', begin))
  return Object.fromEntries([...body.matchAll(/--([a-z0-9]+):\s*([^;]+);/g)].map(([, name, value]) => [name, value]))
}

function colour(hex: string | undefined): Colour {
  const [, r, g, b] = /^#(..)(..)(..)$/.exec(hex ?? '') ?? []
  if (r === undefined || g === undefined || b === undefined) throw new Error(`${hex} is no colour.`)
  return [Number.parseInt(r, 16), Number.parseInt(g, 16), Number.parseInt(b, 16)]
}

/** As `color-mix(in srgb, top part, under)`. */
function mix(top: Colour, part: number, under: Colour): Colour {
  const at = (i: 0 | 1 | 2) => top[i] * part + under[i] * (1 - part)
  return [at(0), at(1), at(2)]
}

function luminance(colour: Colour): number {
  const [r, g, b] = colour.map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: Colour, b: Colour): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

describe.each([
  ['light', ':root,\n:root[data-theme="light"]', 0.1],
  ['dark', ':root[data-theme="dark"]', 0.14],
])('the colours, %s', (_, selector, tint) => {
  const all = tokens(selector)
  const of = (name: string) => colour(all[name])
  const grounds = {
    bg: of('bg'),
    panel: of('panel'),
    sunk: of('sunk'),
    'a selected row': mix(of('ink'), 0.07, of('panel')),
  }

  it('have the tint that is judged', () => {
    expect(all.tint).toBe(`${Math.round(tint * 100)}%`)
  })

  it.each([...inks, ...tones])('%s can be read on every ground', (name) => {
    for (const [ground, under] of Object.entries(grounds)) {
      expect(contrast(of(name), under), `${name} on ${ground}`).toBeGreaterThanOrEqual(text)
    }
  })

  it.each(tones)('%s can be read on its own tint', (name) => {
    expect(contrast(of(name), mix(of(name), tint, of('panel')))).toBeGreaterThanOrEqual(text)
  })

  it('ink on the replay band and inverted buttons can be read', () => {
    expect(contrast(of('panel'), of('ink'))).toBeGreaterThanOrEqual(text)
  })

  it('strips of ready at 75 %, and borders of fields, can be seen', () => {
    expect(contrast(mix(of('good'), 0.75, of('panel')), of('panel'))).toBeGreaterThanOrEqual(graphics)
    expect(contrast(of('ink3'), of('panel'))).toBeGreaterThanOrEqual(graphics)
  })
})

it('dark by the system and dark by choice are the same', () => {
  expect(tokens(':root:not([data-theme="light"])')).toEqual(tokens(':root[data-theme="dark"]'))
})
