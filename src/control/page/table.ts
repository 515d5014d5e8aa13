import { type Html, html } from './html.js';

export interface Column<Row> {
  readonly name: string;
  readonly isNumber?: boolean;
  readonly className?: string;
  readonly of: (row: Row) => Html | string;
}

/** A section with a table; the first column names its row. It scrolls by itself where it is too wide. */
export function table<Row>(
  title: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  empty = '',
  note?: Html,
): Html {
  const classOf = ({ isNumber, className = '' }: Column<Row>): string =>
    isNumber === true ? 'number' : className;
  const head = columns.map((column) => html`<th scope="col" class="${classOf(column)}">${column.name}</th>`);
  const body = rows.map(
    (row) =>
      html`<tr>
        ${columns.map((column, i) =>
          i === 0
            ? html`<th scope="row">${column.of(row)}</th>`
            : html`<td class="${classOf(column)}">${column.of(row)}</td>`,
        )}
      </tr>`,
  );
  return html`<section>
    <h2>${title}</h2>
    ${note}
    ${
      rows.length === 0
        ? html`<p class="quiet">${empty}</p>`
        : html`<div class="wide" tabindex="0" role="region" aria-label="${title}">
            <table>
              <thead>
                <tr>
                  ${head}
                </tr>
              </thead>
              <tbody>
                ${body}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}
