/**
 * Owns what a person sees of a terminal's output: as much of the control sequences as our commands write, on lines of a given width.
 * Colours are dropped; what scrolled away is kept above.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals are told with
const sequence = /^\u001b(?:\[([?>]?[\d;]*)([A-Za-z])|\][^\u0007]*\u0007|[=>78])/
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const unfinished = /^\u001b(?:\[[?>]?[\d;]*|\][^\u0007]*)?$/

export class Screen {
  #columns: number
  #rows: number
  #lines: string[] = ['']
  /** The first line that is on the screen. */
  #top = 0
  #row = 0
  #column = 0
  #pending = ''

  constructor(columns: number, rows: number) {
    this.#columns = columns
    this.#rows = rows
  }

  resize(columns: number, rows: number): void {
    this.#columns = columns
    this.#rows = rows
    this.#top = Math.max(0, this.#lines.length - rows)
  }

  /** The lines that are on the screen. */
  get text(): string {
    return this.#lines.slice(this.#top).join('\n').trimEnd()
  }

  /** With what scrolled away. */
  get all(): string {
    return this.#lines.join('\n')
  }

  write(data: string): void {
    let rest = this.#pending + data
    this.#pending = ''
    while (rest !== '') {
      const found = sequence.exec(rest)
      if (found) {
        this.#obey(found[1] ?? '', found[2] ?? '')
        rest = rest.slice(found[0].length)
      } else if (unfinished.test(rest)) {
        this.#pending = rest
        return
      } else {
        const [character = ''] = rest
        this.#put(character)
        rest = rest.slice(character.length)
      }
    }
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') this.#moveTo(this.#row + 1, this.#column)
    else if (character === '\b') this.#column = Math.max(0, this.#column - 1)
    else if (character >= ' ') this.#print(character)
  }

  #print(character: string): void {
    if (this.#column >= this.#columns) this.#moveTo(this.#row + 1, 0)
    const line = [...this.#line.padEnd(this.#column)]
    line[this.#column] = character
    this.#line = line.join('')
    this.#column += 1
  }

  #obey(parameters: string, command: string): void {
    const [first = 0, second = 0] = parameters.split(';').map(Number)
    const count = first || 1
    if (command === 'A') this.#moveTo(Math.max(this.#top, this.#row - count), this.#column)
    if (command === 'B') this.#moveTo(Math.min(this.#top + this.#rows - 1, this.#row + count), this.#column)
    if (command === 'C') this.#column += count
    if (command === 'D') this.#column = Math.max(0, this.#column - count)
    if (command === 'E') this.#moveTo(this.#row + count, 0)
    if (command === 'F') this.#moveTo(Math.max(this.#top, this.#row - count), 0)
    if (command === 'G') this.#column = count - 1
    if (command === 'H' || command === 'f') this.#moveTo(this.#top + count - 1, (second || 1) - 1)
    if (command === 'K') this.#eraseLine(first)
    if (command === 'J') this.#eraseScreen(first)
    // Another screen, and back.
    if (parameters === '?1049' && (command === 'h' || command === 'l')) this.#eraseScreen(2)
  }

  #eraseLine(how: number): void {
    const blank = ' '.repeat(Math.min(this.#column, this.#line.length))
    if (how === 0) this.#line = this.#line.slice(0, this.#column)
    else this.#line = how === 1 ? blank + this.#line.slice(this.#column) : ''
  }

  #eraseScreen(how: number): void {
    if (how === 0) {
      this.#eraseLine(0)
      this.#lines.length = this.#row + 1
    } else {
      this.#lines.fill('', this.#top)
    }
  }

  #moveTo(row: number, column: number): void {
    while (this.#lines.length <= row) this.#lines.push('')
    this.#row = row
    this.#column = column
    this.#top = Math.max(this.#top, row - this.#rows + 1)
  }

  get #line(): string {
    return this.#lines[this.#row] ?? ''
  }

  set #line(text: string) {
    this.#lines[this.#row] = text
  }
}
