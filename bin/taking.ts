import { InvalidArgumentError } from 'commander';

import { QuantityError } from './quantity.js';

/** Lets commander name the option in front of what the parser says. */
export function taking<Value>(parse: (text: string) => Value): (text: string) => Value {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof QuantityError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}
