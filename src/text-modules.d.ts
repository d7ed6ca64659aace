/** Templates, states and Salt modules are imported as text, so that the bundle needs no file beside it. */
declare module '*.njk' {
  const text: string;
  export default text;
}

declare module '*.sls' {
  const text: string;
  export default text;
}

declare module '*.jinja' {
  const text: string;
  export default text;
}

declare module '*.py' {
  const text: string;
  export default text;
}
