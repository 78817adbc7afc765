/** Who talks with the avatar. */

import { calledFrom, guarded, misuse, type Site } from './failures.js'
import { unknownOption } from './known.js'
import { native } from './native.js'
import { quiet } from './quiet.js'

/** Details of a visitor. The avatar's owner sees the name and the channel. */
export interface VisitorDetails {
  /** A display name, such as `张三`. */
  readonly name?: string | undefined
  /** A channel, which the service appends to the name: `张三(feishu)`. */
  readonly channel?: string | undefined
  /**
   * A tag of the program's own, at most 1024 bytes, such as the platform's user and channel. It is never sent to the
   * service. The client keeps it with the visitor, in its store too, and every event has it. A visitor who is opened
   * without a tag keeps the one before.
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

/** A visitor, in any of three forms: a {@link Visitor}, a person of a platform, or a visitor id as a string. */
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
   * Returns the visitor for a person of a platform, by the platform's id of that person. The same person is always the
   * same visitor, in every language and version; no table has to be kept. The user id comes from a login that the
   * program has verified. Where it can be guessed, as a phone number can, {@link Visitor.forUserWithSecret} is right.
   *
   * @throws {@link InvalidVisitorIdError} if the platform is not a valid name, or the user id is empty.
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
   * Returns the visitor for a person of a platform, with an id that only a program with the secret can make:
   * HMAC-SHA256 over platform and user id. The same three give the same visitor in every language; another secret
   * gives others. The user id comes from a login that the program has verified.
   *
   * @throws {@link InvalidVisitorIdError} if the platform is not a valid name, the user id is empty, or the secret has
   * fewer than 16 bytes in UTF-8.
   */
  static forUserWithSecret(platform: string, userId: string, secret: string, details: VisitorDetails = {}): Visitor {
    const site = calledFrom(Visitor.forUserWithSecret)
    namesOnly(details, DETAILS, site)
    return new Visitor(
      guarded(() => native().visitorForUserWithSecret(platform, userId, secret), site),
      details,
    )
  }

  /**
   * Returns the visitor with this `{platform}_{uuid}`.
   *
   * @throws {@link InvalidVisitorIdError} if the id has another form.
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
   * Returns a new visitor. Keep the id: nothing else leads back to this visitor.
   *
   * @throws {@link InvalidVisitorIdError} if the platform is not a valid name.
   */
  static random(platform: string, details: VisitorDetails = {}): Visitor {
    const site = calledFrom(Visitor.random)
    namesOnly(details, DETAILS, site)
    return new Visitor(
      guarded(() => native().randomVisitor(platform), site),
      details,
    )
  }

  /** @internal A visitor that the core has checked. */
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
    throw misuse('this is not a visitor: pass a Visitor, { platform, userId }, or a visitor id', site)
  }

  /** The id. */
  toString(): string {
    return this.id
  }
}

quiet(Visitor.prototype)

const DETAILS: readonly (keyof VisitorDetails)[] = ['name', 'channel', 'tag']

/** A detail that would be ignored is a mistake: `open({ platform, userId, nickname })`. */
function namesOnly(visitor: object, names: readonly string[], site: Site): void {
  const unknown = unknownOption(visitor, names)
  if (unknown !== undefined) throw misuse(`a visitor has no \`${unknown}\`; there are ${names.join(', ')}`, site)
}
