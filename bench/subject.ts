/** `bare`: the transfer without any file system. `peer`: another remote file system. `local`: a local file. */
export type Role = 'bare' | 'local' | 'ours' | 'peer';

/** One figure for each metric of the row that the subject can have, by the metric's name. */
export type Figures = Readonly<Record<string, number>>;

/** What a row measures: a file system, or a program to compare it with. */
export interface Subject {
  readonly role: Role;
  readonly name: string;
  readonly measure: (round: number) => Promise<Figures>;
}
