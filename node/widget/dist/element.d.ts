import type { Position, Theme } from './types.js';
declare const ATTRIBUTES: readonly ['server', 'position', 'theme', 'language', 'strings', 'heading', 'greeting', 'open'];
type Attribute = (typeof ATTRIBUTES)[number];
/** The widget: a launcher in the corner of the page, and the panel that it opens. */
export declare class SecondmeAvatarElement extends HTMLElement {
    #private;
    static readonly observedAttributes: readonly string[];
    constructor();
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(name: Attribute, before: string | null, after: string | null): void;
    /** The address that the server part is mounted at. Default: `/avatar`. */
    get server(): string;
    set server(server: string);
    /** Where the launcher stands, or `inline` for a panel that is part of the page. Default: the corner where lines end. */
    get position(): Position;
    set position(position: Position);
    /** Default: `auto`, which is what the visitor's system says. */
    get theme(): Theme;
    set theme(theme: Theme);
    /** A language tag, such as `en` or `zh-CN`. Default: the page's, else the browser's. */
    get language(): string;
    set language(language: string);
    /** The words of another language, or of your own: an object, or the address of a JSON file. */
    get strings(): Record<string, string> | string | null;
    set strings(strings: Record<string, string> | string | null);
    /** What stands at the panel's top. Default: the avatar's name. */
    get heading(): string;
    set heading(heading: string);
    /** What the avatar greets a new visitor with. Default: nothing. */
    get greeting(): string;
    set greeting(greeting: string);
    get isOpen(): boolean;
    /** How many messages came that the visitor has not seen. */
    get unread(): number;
    /** Opens the panel and moves the focus into it. Resolves when it is shown. */
    open(): Promise<void>;
    /** Closes the panel and moves the focus back to the launcher, if it was in the panel. */
    close(): void;
    toggle(): void;
}
export {};
