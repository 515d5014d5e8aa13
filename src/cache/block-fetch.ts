import { InterruptedError, ProtocolError, type Response } from '../source/index.js';
import { BlockAssembler } from './block-assembler.js';
import type { Block } from './block-cache.js';
import type { BlockRun, Holder, ProviderContext } from './block-provider.js';

/**
 * One ranged download that brings a run of adjacent blocks. It delivers each block as soon as it is
 * complete, and is cancelled when its last holder lets go.
 */
export class BlockFetch {
  readonly run: BlockRun;
  readonly done: Promise<void>;
  readonly #context: ProviderContext;
  readonly #sizeBytes: number;
  readonly #controller = new AbortController();
  readonly #holders = new Set<Holder>();
  #next: number;
  #reservedBytes = 0;

  /** `reserved`: whether the caller has reserved the memory already. `response`: an answer that is there already. */
  constructor(
    context: ProviderContext,
    run: BlockRun,
    sizeBytes: number,
    begin: { readonly reserved: boolean; readonly response?: Response },
  ) {
    this.#context = context;
    this.run = run;
    this.#sizeBytes = sizeBytes;
    this.#next = run.first;
    if (begin.reserved) this.#reservedBytes = this.runBytes;
    for (let index = run.first; index < run.end; index += 1) context.pending.announce(index);
    this.done = this.#run(begin.response);
  }

  get runBytes(): number {
    return (this.run.end - this.run.first) * this.#context.blockBytes;
  }

  hold(holder: Holder): void {
    this.#holders.add(holder);
  }

  unhold(holder: Holder): void {
    if (this.#holders.delete(holder) && this.#holders.size === 0) this.cancel();
  }

  cancel(): void {
    // All blocks are there: the connection is about to be free for the next request.
    if (this.#next === this.run.end) return;
    const error = new InterruptedError(this.#context.url);
    this.#failRest(error);
    this.#controller.abort(error);
  }

  async #run(begun: Response | undefined): Promise<void> {
    let response = begun;
    try {
      if (this.#reservedBytes === 0) {
        await this.#context.budget.reserve(this.runBytes, this.#controller.signal);
        this.#reservedBytes = this.runBytes;
      }
      const { start, end } = this.#byteRange();
      response ??= await this.#context.download({ start, end }, this.#controller.signal);
      response.validate();
      await this.#consume(response, start, end);
    } catch (error) {
      this.#failRest(error);
    } finally {
      response?.cancel();
      this.#context.budget.release(this.#reservedBytes);
      this.#reservedBytes = 0;
    }
  }

  #byteRange(): { start: number; end: number } {
    const { blockBytes } = this.#context;
    return { start: this.run.first * blockBytes, end: Math.min(this.run.end * blockBytes, this.#sizeBytes) };
  }

  async #consume(response: Response, start: number, end: number): Promise<void> {
    const { url, blockBytes } = this.#context;
    let skip = start - (response.offset ?? start);
    if (skip < 0) {
      throw new ProtocolError('the body begins too late', url, {
        expected: `byte ${start}`,
        found: `byte ${response.offset}`,
      });
    }
    // A client that tells neither where its body begins nor how long it is may have ignored the range:
    // then nothing is believed until exactly the bytes asked for have come.
    const believed = response.offset !== undefined || response.contentLength === end - start;
    // A body that ends where the run ends is read to its own end, which keeps the connection usable.
    const endsWithRun = response.contentLength === skip + end - start;
    const held: [number, Block][] = [];
    const assembler = new BlockAssembler({
      blockBytes,
      position: start,
      keepsChunks: false,
      emit: (index, block) => {
        if (believed) this.#deliver(index, block);
        else held.push([index, block]);
      },
    });
    for await (const chunk of response.body) {
      this.#controller.signal.throwIfAborted();
      const useful = skip >= chunk.byteLength ? undefined : chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.byteLength);
      if (useful === undefined) continue;
      const room = end - assembler.position;
      if (useful.byteLength > room && !believed) throw this.#wrongLength(end - start, 'more');
      assembler.push(useful.byteLength > room ? useful.subarray(0, room) : useful);
      if (assembler.position === end && believed && !endsWithRun) break;
    }
    if (assembler.position < end) throw this.#wrongLength(end - start, `${assembler.position - start}`);
    assembler.finish();
    for (const [index, block] of held) this.#deliver(index, block);
  }

  #wrongLength(expected: number, found: string): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#context.url, {
      expected: `${expected} bytes`,
      found: `${found} bytes`,
    });
  }

  #deliver(index: number, block: Block): void {
    // From here on the block counts as cached instead of reserved.
    const { blockBytes, budget, pending } = this.#context;
    this.#reservedBytes -= blockBytes;
    budget.release(blockBytes);
    pending.deliver(index, block);
    this.#next = index + 1;
  }

  #failRest(error: unknown): void {
    for (; this.#next < this.run.end; this.#next += 1) this.#context.pending.fail(this.#next, error);
  }
}
