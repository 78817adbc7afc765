/** Who talks with the avatar. */

import { calledFrom, guarded, misuse, type Site } from './failures.js'
import { unknownOption } from './known.js'
import { native } from './native.js'

/** What is known of a visitor: the name and the channel are what the avatar's owner sees. */
export interface VisitorDetails {
  /** A display name, such as `张三`. */
  readonly name?: string | undefined
  /** A channel, which the service appends to the name: `张三(feishu)`. */
  readonly channel?: string | undefined
  /**
   * A tag of the program's own, at most 1024 bytes: what the platform calls the person, the channel to answer in, whatever
   * finds the way back. It is never sent to the service. It is kept with the visitor, in the client's store too, and
   * stands on every event. A visitor who is opened without one keeps the one before.
   */
  readonly tag?: string | undefined
}

/** A person of a platform: short for {@link Visitor.forUser}. */
export interface PlatformUser extends VisitorDetails {
  /** The platform, such as `feishu`, `web`, `discord`. */
  readonly platform: string
  /** What the platform calls the person. */
  readonly userId: string
}

/** Whatever says who a visitor is: a {@link Visitor}, a person of a platform, or a visitor id as a text. */
export type VisitorLike = Visitor | PlatformUser | string

/**
 * A person who talks with the avatar: an id that stays, and a name that the owner sees.
 *
 * ```ts
 * Visitor.forUser('feishu', 'ou_abc', { name: '张三' }).id // feishu_d10f0353-58f2-539f-9ae5-dcf371311654, always
 * Visitor.parse('web_6ba7b810-9dad-11d1-80b4-00c04fd430c8') // an id of your own
 * ```
 */
export class Visitor implements VisitorDetails {
  /** `{platform}_{uuid}` */
  readonly id: string
  readonly name: string | undefined
  readonly channel: string | undefined
  readonly tag: string | undefined

  private constructor(id: string, details: VisitorDetails = {}) {
    this.id = id
    this.name = details.name
    this.channel = details.channel
    this.tag = details.tag
  }

  /**
   * The visitor for a person of a platform, by the id that the platform has for them. The same person is always the
   * same visitor, in every language and version, with no table to keep.
   *
   * @throws {@link InvalidVisitorIdError} if the platform is no name, or the user id is empty.
   */
  static forUser(platform: string, userId: string, details: VisitorDetails = {}): Visitor {
    const site = calledFrom(Visitor.forUser)
    namesOnly(details, DETAILS, site)
    return new Visitor(
      guarded(() => native().visitorForUser(platform, userId), site),
      details,
    )
  }

  /**
   * The visitor with this `{platform}_{uuid}`.
   *
   * @throws {@link InvalidVisitorIdError} if it is none.
   */
  static parse(id: string, details: VisitorDetails = {}): Visitor {
    const site = calledFrom(Visitor.parse)
    namesOnly(details, DETAILS, site)
    return new Visitor(
      guarded(() => native().parseVisitor(id), site),
      details,
    )
  }

  /**
   * A new visitor. Keep the id: it is the only way back to this visitor.
   *
   * @throws {@link InvalidVisitorIdError} if the platform is no name.
   */
  static random(platform: string, details: VisitorDetails = {}): Visitor {
    const site = calledFrom(Visitor.random)
    namesOnly(details, DETAILS, site)
    return new Visitor(
      guarded(() => native().randomVisitor(platform), site),
      details,
    )
  }

  /** @internal One that the core knows. */
  static known({ id, ...details }: VisitorDetails & { id: string }): Visitor {
    return new Visitor(id, details)
  }

  /** @internal */
  static from(like: VisitorLike, site: Site): Visitor {
    if (like instanceof Visitor) return like
    if (typeof like === 'string') {
      return new Visitor(guarded(() => native().parseVisitor(like), site))
    }
    if (typeof like?.platform === 'string' && typeof like.userId === 'string') {
      namesOnly(like, ['platform', 'userId', ...DETAILS], site)
      return new Visitor(
        guarded(() => native().visitorForUser(like.platform, like.userId), site),
        like,
      )
    }
    throw misuse('that is no visitor: pass a Visitor, { platform, userId }, or a visitor id', site)
  }

  /** The id. */
  toString(): string {
    return this.id
  }
}

const DETAILS: readonly (keyof VisitorDetails)[] = ['name', 'channel', 'tag']

/** What is said of a visitor and not read is a mistake: `open({ platform, userId, nickname })`. */
function namesOnly(visitor: object, names: readonly string[], site: Site): void {
  const unknown = unknownOption(visitor, names)
  if (unknown !== undefined) throw misuse(`a visitor has no \`${unknown}\`; there are ${names.join(', ')}`, site)
}
