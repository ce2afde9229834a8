// Change this line, commit and push: the next release says it.
export const GREETING = 'Hello from my-container-app';
