/** There already, or to be waited for. Most operations have what they need in memory, and each promise costs a turn of the queue. */
export type Awaitable<Value> = Value | Promise<Value>;

/** `use` of the value: in the same step where it is there. */
export function chain<Value, Result>(
  value: Awaitable<Value>,
  use: (value: Value) => Awaitable<Result>,
): Awaitable<Result> {
  return value instanceof Promise ? value.then(use) : use(value);
}
