mod damage;
mod format_page;
mod golden;
mod parts;
mod properties;
mod samples;
mod strategies;
