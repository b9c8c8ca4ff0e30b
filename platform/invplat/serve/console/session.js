// Who is signed in. The key lives in this tab only and is gone when it closes.

const KEY = "invplat.key";
const TENANT = "invplat.tenant";
const THEME = "invplat.theme";

export const session = {
  key: sessionStorage.getItem(KEY) ?? "",
  tenant: sessionStorage.getItem(TENANT) ?? "",
  scopes: [],
  name: "",
  tenants: [], // to choose from, for an operator's key

  get admin() {
    return this.tenants.length > 0;
  },

  /** Whether this key may begin work that changes something. */
  get writes() {
    return this.scopes.some((scope) => /write|admin/.test(scope));
  },

  begin(key, me, tenants) {
    const listed = tenants.map((one) => one.tenant);
    Object.assign(this, { key, scopes: me.scopes, name: me.key, tenants: listed });
    const kept = listed.includes(this.tenant) ? this.tenant : "";
    this.choose(me.tenant ?? (kept || listed[0] || ""));
    sessionStorage.setItem(KEY, key);
  },

  choose(tenant) {
    this.tenant = tenant;
    sessionStorage.setItem(TENANT, tenant);
  },

  end() {
    sessionStorage.removeItem(KEY);
    sessionStorage.removeItem(TENANT);
    Object.assign(this, { key: "", tenant: "", scopes: [], name: "", tenants: [] });
  },
};

/** Light or dark as the system says, or as the person has chosen here. */
export const theme = {
  apply() {
    const chosen = localStorage.getItem(THEME);
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
  },

  turn() {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    localStorage.setItem(THEME, dark ? "light" : "dark");
    this.apply();
  },
};
