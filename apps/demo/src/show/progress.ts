import { Presets, SingleBar } from 'cli-progress'
import pc from 'picocolors'
import { number } from './text.js'

/** How far a long step is. */
export interface Progress {
  update(done: number): void
  stop(): void
}

/** A bar on a terminal; elsewhere a line at each quarter, so that logs stay short. */
export function progress(what: string, total: number, stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bar(what, total, stream) : lines(what, total, stream)
}

export const SILENT: Progress = { update: () => undefined, stop: () => undefined }

function bar(what: string, total: number, stream: NodeJS.WriteStream): Progress {
  const single = new SingleBar(
    {
      stream,
      format: `${what} ${pc.cyan('{bar}')} {percentage}% · {value}/{total}`,
      barsize: 40,
      clearOnComplete: true,
      hideCursor: true,
      fps: 15,
      // Ctrl-C is ours to handle.
      gracefulExit: false,
    },
    Presets.shades_classic,
  )
  single.start(total, 0)
  return {
    update: (done) => single.update(Math.min(done, total)),
    stop: () => single.stop(),
  }
}

function lines(what: string, total: number, stream: NodeJS.WriteStream): Progress {
  let quarter = 0
  return {
    update: (done) => {
      const reached = total === 0 ? 4 : Math.min(4, Math.floor((done / total) * 4))
      if (reached <= quarter) return
      quarter = reached
      stream.write(`${what} ${quarter * 25}% · ${number(done)}/${number(total)}\n`)
    },
    stop: () => undefined,
  }
}
