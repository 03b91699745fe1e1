// Return whether keys pressed in an element are text rather than commands.
export const isTyping = (element) =>
  element.isContentEditable ||
  element.matches("textarea, select, input:not([type=checkbox], [type=radio])");
