// Return one of two texts, with the number in place of its {n}, in the language of the page.
export const withNumber = (number, one, other) => {
  const { lang } = document.documentElement;
  const text = new Intl.PluralRules(lang).select(number) === "one" ? one : other;
  return text.replace("{n}", new Intl.NumberFormat(lang).format(number));
};
