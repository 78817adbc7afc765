/** Texts on their way to the core. */

/** The text without halves of surrogate pairs, which the core cannot take. */
export function whole(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}
