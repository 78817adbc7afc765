/** What a bridge itself says to people. */

import { AvatarError } from '../avatar-error.js'

/** The sentences of a bridge. `{owner}` stands for the owner's name. */
export interface Sentences {
  /** The quota of the API key is used up for now. */
  readonly busy: string
  /** The service cannot be reached, or does not answer. */
  readonly unavailable: string
  /** The avatar's owner has the conversation. */
  readonly takenOver: string
  /** The allowance of the owner or of the visitor is used up. */
  readonly payment: string
  /** Anything else, which only the bot's operator can put right. */
  readonly broken: string
  /** The message holds something other than text. */
  readonly textOnly: string
  /** The answer is a card, which has no text. */
  readonly notShown: string
  /** Stands behind an answer that broke off. */
  readonly cut: string
  /** The line above what the owner says in person. */
  readonly ownerHead: string
}

/** The languages whose sentences are built in. */
export type Language = 'en' | 'zh'

const EN: Sentences = {
  busy: 'Many people are talking with me at the moment. Please write again in a few minutes.',
  unavailable: 'I cannot answer right now. Please try again in a few minutes.',
  takenOver: '{owner} has your message and will answer here in person.',
  payment: 'I have said all that I may for now. {owner} has been asked to let me go on.',
  broken: 'I cannot answer, and trying again will not help: {owner} has to look after me first.',
  textOnly: 'I can only read text here. Please write what you would like to say.',
  notShown: 'My answer is a card that cannot be shown here.',
  cut: '(My answer broke off here. What is still to come will follow.)',
  ownerHead: '👤 {owner}, in person:',
}

const ZH: Sentences = {
  busy: '现在和我聊天的人很多，请过几分钟再发一次。',
  unavailable: '我暂时无法回答，请过几分钟再试。',
  takenOver: '{owner}已经看到你的消息，会亲自在这里回复你。',
  payment: '我现在能说的已经用完了，需要{owner}处理后才能继续。',
  broken: '我现在无法回答，再试也没有用，需要{owner}先来处理。',
  textOnly: '我在这里只能看文字，请把想说的写下来。',
  notShown: '我的回答是一张卡片，这里无法显示。',
  cut: '（我的回答在这里中断了，后面的内容到了会再发给你。）',
  ownerHead: '👤 {owner}本人：',
}

const OWNER: Readonly<Record<Language, string>> = { en: 'The owner', zh: '主人' }

/** Returns the sentences of a language, with those of the program in their places. */
export function sentencesOf(language: Language, own: Partial<Sentences> = {}): Sentences {
  return { ...(language === 'zh' ? ZH : EN), ...own }
}

/** Puts the owner's name into a sentence. */
export function filled(sentence: string, language: Language, owner: string | undefined): string {
  return sentence.replaceAll('{owner}', () => owner || OWNER[language])
}

/** Returns which sentence tells a person of a failure. */
export function sentenceFor(error: unknown): 'busy' | 'unavailable' | 'takenOver' | 'payment' | 'broken' {
  if (!(error instanceof AvatarError)) return 'broken'
  switch (error.kind) {
    case 'rateLimited':
      return 'busy'
    case 'takenOver':
      return 'takenOver'
    case 'paymentRequired':
      return 'payment'
    case 'connectionFailed':
    case 'unavailable':
    case 'certificate':
    case 'invalidAnswer':
    case 'deadline':
    case 'notMember':
    case 'closed':
      return 'unavailable'
    default:
      return error.retryable ? 'unavailable' : 'broken'
  }
}
