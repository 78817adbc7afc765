import { notice, report } from '../store/notices'
import { t } from '../words'

/** Copies a text. Over plain HTTP from another computer the browser has no clipboard for a page, and a field stands in. */
export async function copy(text: string): Promise<void> {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text)
    else copyOfField(text)
    notice('done', t('copied'))
  } catch (error) {
    report(error)
  }
}

function copyOfField(text: string): void {
  const field = document.createElement('textarea')
  field.value = text
  document.body.append(field)
  field.select()
  const done = document.execCommand('copy')
  field.remove()
  if (!done) throw new Error(t('notCopied'))
}
