// What can be used, and has no name for a screen reader.
() =>
  [...document.querySelectorAll(["button", "a", "input", "select", "[role=grid]", "[role=region]"].map((one) => `#app ${one}`))]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }))
    .filter((one) => !(one.innerText || one.ariaLabel || one.labels?.length))
    .map((one) => one.outerHTML.slice(0, 90))
